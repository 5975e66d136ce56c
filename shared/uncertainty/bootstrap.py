"""Intervals of scores by a bootstrap over images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.messages import Estimate

if TYPE_CHECKING:
    from scipy.sparse import csr_array

#: How many samples are drawn; fewer where a sample costs more than usual, but never fewer than the least.
_SAMPLES, _FEWEST_SAMPLES = 200, 50
#: How many additions all samples together may take.
_MOST_ADDITIONS = 2e9
#: How many numbers the arrays of one step hold at most.
_NUMBERS = 2**21
_INTERVAL = (0.025, 0.975)


@dataclass(frozen=True, kw_only=True, eq=False)
class Contributions:
    """What each image contributes to scores.

    A score is either the mean of a value over the images, or it is made of gaps in bins: the gaps in each bin are
    summed, and the absolute values of these sums are added up and divided by the number of images and by the number of
    gaps that an image has.
    """

    #: One array [images] for each score that is a mean.
    means: tuple[NDArray[np.float64], ...]
    #: For each score of sums in bins: the bins of an image's gaps, and the gaps, both [images, gaps].
    binned: tuple[tuple[NDArray[np.int64], NDArray[np.float64]], ...]

    @property
    def images(self) -> int:
        """The number of images."""
        return len(self.means[0])


def estimates(contributions: Contributions, seed: int) -> tuple[Estimate, ...]:
    """Return each score and its 95 % interval, means first.

    Every sample weighs each image with a number drawn from the Poisson distribution of mean 1, so that images can be
    handled in parts (Hanley and MacGibbon 2006, "Creating non-parametric bootstrap samples using Poisson frequencies").
    The sum of absolute values grows with noise, and a sample has more noise than the images. So the scores of the
    samples are shifted until their mean is the score of the images; then their quantiles are taken (a percentile
    interval, corrected for bias).

    Args:
        contributions: Of at least one image.
        seed: Decides the samples.
    """
    binned = [_by_bin(bins, gaps) for bins, gaps in contributions.binned]
    scores = _scores(contributions, binned, np.ones((1, contributions.images)))[0]
    sampled = np.concatenate([_scores(contributions, binned, weights) for weights in _weights(contributions, seed)])
    moved = sampled + (scores - sampled.mean(axis=0))
    low, high = np.quantile(moved, _INTERVAL, axis=0)
    return tuple(
        Estimate(value=max(0.0, score), low=max(0.0, min(score, below)), high=max(0.0, score, above))
        for score, below, above in zip(scores.tolist(), low.tolist(), high.tolist(), strict=True)
    )


def _weights(contributions: Contributions, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield the weights of samples, [samples, images] for a few samples at a time."""
    images = contributions.images
    additions = images * sum(gaps.shape[1] for _, gaps in contributions.binned)
    samples = int(max(_FEWEST_SAMPLES, min(_SAMPLES, _MOST_ADDITIONS / additions)))
    at_once = max(1, _NUMBERS // images)
    generator, poisson = np.random.default_rng(seed), _poisson_table()
    for start in range(0, samples, at_once):
        weights = poisson[generator.integers(2**16, size=(min(at_once, samples - start), images), dtype=np.uint16)]
        weights[weights.sum(axis=1) == 0] = 1.0  # of very few images all may have been left out
        yield weights


@lru_cache(maxsize=1)
def _poisson_table() -> NDArray[np.float64]:
    """Return 65,536 numbers as frequent as in the Poisson distribution of mean 1; to draw from them is fast."""
    shares = np.exp(-1.0) / np.cumprod([1.0, *range(1, 12)])
    return np.searchsorted(np.cumsum(shares), (np.arange(2**16) + 0.5) / 2**16).astype(np.float64)


def _by_bin(bins: NDArray[np.int64], gaps: NDArray[np.float64]) -> "csr_array":
    """Return the gaps of each image in the columns of their bins, [images, bins]; sparse, for most bins have none."""
    from scipy.sparse import csr_array

    images, count = gaps.shape
    places = np.arange(0, images * count + 1, count)
    return csr_array((gaps.ravel(), bins.ravel(), places), shape=(images, int(bins.max()) + 1))


def _scores(
    contributions: Contributions, binned: Sequence["csr_array"], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the scores of weighted images, [samples, scores].

    Args:
        contributions: Of the images.
        binned: The gaps of `contributions`, by bin.
        weights: [samples, images].
    """
    total = weights.sum(axis=1)
    means = [weights @ values / total for values in contributions.means]
    # One product of matrices for all samples.
    sums = [np.abs(by_bin.T @ weights.T).sum(axis=0) for by_bin in binned]
    errors = [each / (total * gaps.shape[1]) for each, (_, gaps) in zip(sums, contributions.binned, strict=True)]
    return np.stack([*means, *errors], axis=1)
