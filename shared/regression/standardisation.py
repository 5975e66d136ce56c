"""Targets as networks learn them: with a mean of 0 and a standard deviation of 1 over the training rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import Target


def target_scales(values: NDArray[np.float64], names: Sequence[str]) -> tuple[Target, ...]:
    """Return how targets are standardised.

    Args:
        values: [training rows, targets], of which no column is constant.
        names: The name of each target.
    """
    means, scales = values.mean(axis=0), values.std(axis=0)
    return tuple(
        Target(name=name, mean=float(mean), scale=float(scale))
        for name, mean, scale in zip(names, means, scales, strict=True)
    )


def standardised(values: NDArray[np.float64], targets: Sequence[Target]) -> NDArray[np.float64]:
    """Return targets with a mean of 0 and a standard deviation of 1 over the training rows, float64 [size, targets].

    Args:
        values: [size, targets], in the targets' own units.
        targets: Their means and scales.
    """
    means, scales = (np.array([getattr(target, name) for target in targets]) for name in ("mean", "scale"))
    return np.asarray((values - means) / scales, dtype=np.float64)
