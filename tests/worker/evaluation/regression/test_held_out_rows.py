"""What one more member would bring, as rows tell that members held out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepchord.shared.regression import RunningMixture, fit_factor, gaussian_losses
from deepchord.worker.evaluation.regression.held_out_rows import HeldOutRows

ROWS = 3000


def outputs_of(random: np.random.Generator, truth: np.ndarray, spread: float, variance: float) -> np.ndarray:
    """Return what a member says that is off by chance, and says the same variance of each row."""
    means = truth + spread * random.normal(size=truth.shape)
    return np.hstack([means, np.full_like(truth, np.log(np.expm1(variance)))]).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 0.6), st.floats(1.0, 4.0))
def test_the_fall_is_read_off_two_sizes_and_foretells_a_larger_ensemble(seed: int, spread: float, variance: float):
    random = np.random.default_rng(seed)
    truth = random.normal(size=(ROWS, 1))
    actual = truth + 0.5 * random.normal(size=truth.shape)
    held_out = HeldOutRows(actual, np.arange(ROWS))
    mixtures = {size: RunningMixture(ROWS, 1) for size in (4, 8)}
    halves = (RunningMixture(ROWS, 1), RunningMixture(ROWS, 1))
    for number in range(8):
        outputs = outputs_of(random, truth, spread, variance)
        for size, mixture in mixtures.items():
            if number < size:
                mixture.add(outputs)
        if number < 4:
            halves[number % 2].add(outputs)
            held_out.add(outputs, None)

    def loss(mixture: RunningMixture) -> float:
        found = mixture.result()
        factor = fit_factor((actual - found.mean) / found.standard_deviation)
        return float(gaussian_losses(found.mean, found.variance * factor, actual).mean())

    gain = held_out.next_member(4)
    grown = held_out.next_member(8)

    slope = max(0.0, (np.mean([loss(half) for half in halves]) - loss(mixtures[4])) / (1 / 2 - 1 / 4))
    assert (gain.rows, gain.members_per_row) == (ROWS, 4.0)
    assert gain.loss == pytest.approx(loss(mixtures[4]))
    assert gain.fall == pytest.approx(slope / (4 * 5))
    # The scaled variance makes the members' own one, however wrong, nearly irrelevant.
    assert grown.loss == pytest.approx(loss(mixtures[8]), abs=0.05)


def test_nobody_knows_what_a_member_brings_if_no_row_was_held_out_by_two():
    held_out = HeldOutRows(np.zeros((6, 1)), None)
    for start in (0, 3):
        held_out.add(np.zeros((6, 2), np.float32), np.arange(start, start + 3))

    assert held_out.next_member(2) is None
