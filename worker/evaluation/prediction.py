"""Predicts many images, one chunk after another."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.files import read_in_order
from deepchord.shared.images import scaled
from deepchord.worker.engines import Network

#: How many images are scaled to float32 at a time: at most what fits into `_CHUNK_BYTES`, so that memory does not grow
#: with the size of the images; at least enough to keep a device busy.
_MOST_IMAGES, _LEAST_IMAGES = 1024, 128
_CHUNK_BYTES = 2**23
#: Several threads get smaller chunks, so that all of them end at about the same time. Smaller ones than this are slow.
_FEWEST_OF_SEVERAL = 256


def predict(
    network: Network,
    images: NDArray[np.generic],
    outputs: int,
    advance: Callable[[], None] = lambda: None,
    threads: int = 1,
) -> NDArray[np.float32]:
    """Return a network's outputs, float32 [size, outputs], scaling the images a chunk at a time.

    Args:
        network: What predicts.
        images: [size, height, width, channels], not scaled yet; may be a memory map.
        outputs: How many outputs the network has.
        advance: Called after each chunk.
        threads: How many chunks are computed at once, see `Engine.parallel_predictions`.
    """
    predicted = np.empty((len(images), outputs), dtype=np.float32)
    slices = chunks(len(images), images.shape[1:], threads)
    read_in_order(images)

    def compute(chunk: slice) -> NDArray[np.float32]:
        return network.outputs(scaled(images[chunk]))

    # The first chunk that a network gets decides the size of its batches. With fewer threads than chunks, that is never
    # the last chunk, which is smaller.
    threads = max(1, min(threads, len(slices) - 1))
    pool = ThreadPoolExecutor(threads)
    computed = map(compute, slices) if threads == 1 else pool.map(compute, slices)
    try:
        for chunk, result in zip(slices, computed, strict=True):
            predicted[chunk] = result
            advance()
    finally:
        pool.shutdown(cancel_futures=True)
    return predicted


def chunks(images: int, shape: tuple[int, ...], threads: int = 1) -> list[slice]:
    """Return the slices in which so many images of a shape are predicted by so many threads."""
    most = _MOST_IMAGES if threads == 1 else max(_FEWEST_OF_SEVERAL, _MOST_IMAGES // threads)
    fitting = min(most, max(_LEAST_IMAGES, _CHUNK_BYTES // (4 * math.prod(shape))))
    # A power of two: networks fill each batch up to one.
    size = 1 << (fitting.bit_length() - 1)
    return [slice(start, start + size) for start in range(0, images, size)]
