"""Predicts the class probabilities of many images, in portions."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets import scaled
from deepchord.worker.engines import Network

#: Images that are scaled to float32 at a time while predicting, so that a network's memory stays as it is however large
#: they are; but not fewer than keep a device busy.
_MOST_IMAGES, _LEAST_IMAGES = 1024, 128


_CHUNK_BYTES = 2**23


#: Several callers have smaller chunks, so that all of them end at about the same time; these are no slower.
_FEWEST_OF_SEVERAL = 256


def predict(
    network: Network,
    images: NDArray[np.generic],
    classes: int,
    advance: Callable[[], None] = lambda: None,
    threads: int = 1,
) -> NDArray[np.float32]:
    """Return probabilities, float32 [size, classes], scaling the images a chunk at a time.

    Args:
        network: What predicts.
        images: [size, height, width, channels], not scaled yet.
        classes: How many classes there are.
        advance: Called after each chunk.
        threads: How many chunks are computed at once, see `Engine.parallel_predictions`.
    """
    probabilities = np.empty((len(images), classes), dtype=np.float32)
    chunks = _chunks(images, threads)

    def compute(chunk: slice) -> NDArray[np.float32]:
        return network.probabilities(scaled(images[chunk]))

    # The last chunk, which is smaller, begins when another is done: the first that a network is asked decides in what
    # batches it computes.
    threads = max(1, min(threads, len(chunks) - 1))
    pool = ThreadPoolExecutor(threads)
    computed = map(compute, chunks) if threads == 1 else pool.map(compute, chunks)
    try:
        for chunk, found in zip(chunks, computed, strict=True):
            probabilities[chunk] = found
            advance()
    finally:
        pool.shutdown(cancel_futures=True)
    return probabilities


def _chunks(images: NDArray[np.generic], callers: int = 1) -> list[slice]:
    most = _MOST_IMAGES if callers == 1 else max(_FEWEST_OF_SEVERAL, _MOST_IMAGES // callers)
    fitting = min(most, max(_LEAST_IMAGES, _CHUNK_BYTES // (4 * math.prod(images.shape[1:]))))
    # A power of two, as networks fill up what they are given to one.
    size = 1 << (fitting.bit_length() - 1)
    return [slice(start, start + size) for start in range(0, len(images), size)]
