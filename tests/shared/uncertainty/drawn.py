"""Probabilities and labels as the tests of uncertainty draw them."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Drawn = tuple[NDArray[np.float32], NDArray[np.int64]]


@st.composite
def predictions(draw: st.DrawFn, most_images: int = 60) -> Drawn:
    """Draw probabilities float32 [images, classes] and labels [images]: sharp, flat, equal and certain ones."""
    images, classes = draw(st.integers(1, most_images)), draw(st.integers(2, 6))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = generator.normal(size=(images, classes)) * draw(st.sampled_from([0.0, 0.1, 1.0, 5.0, 100.0]))
    if draw(st.booleans()):  # ties
        logits = np.round(logits)
    return softmax(logits), generator.integers(0, classes, images)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def calibrated(images: int, classes: int = 10, scale: float = 2.0, seed: int = 0) -> Drawn:
    """Return probabilities, and labels drawn from them: perfectly calibrated."""
    generator = np.random.default_rng(seed)
    probabilities = softmax(generator.normal(size=(images, classes)) * scale)
    thresholds = probabilities.astype(np.float64).cumsum(axis=1)
    labels = (generator.random((images, 1)) * thresholds[:, -1:] > thresholds).sum(axis=1)
    return probabilities, np.minimum(labels, classes - 1)


def powered(probabilities: NDArray[np.floating], exponent: float) -> NDArray[np.float64]:
    """Return probabilities that are sharper (exponent above 1) or flatter; the temperature is 1 / exponent."""
    powers = probabilities.astype(np.float64) ** exponent
    return powers / powers.sum(axis=1, keepdims=True)
