"""Probabilities of labels from their logits."""

import numpy as np
from numpy.typing import NDArray

#: Beyond it, float32 has no power of e.
_LARGEST_LOGIT = np.float32(87.0)


def probabilities_of(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probability that each label applies, float32 as the logits; exact at both ends, and NaN stays NaN."""
    bounded = np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)
    return np.asarray(1 / (1 + np.exp(-bounded)), dtype=np.float32)
