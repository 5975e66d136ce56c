import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepchord.shared.messages import Target
from deepchord.shared.regression import RunningMixture, means_and_variances, standardised, target_scales


def outputs_of(seed: int, members: int, size: int, targets: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (members, size, 2 * targets)).astype(np.float32)


def test_outputs_are_means_and_positive_variances_however_large():
    means, variances = means_and_variances(np.array([[1.0, -2.0, 0.0, 300.0], [0.0, 0.0, -300.0, 1.0]]))

    assert means.tolist() == [[1.0, -2.0], [0.0, 0.0]]
    np.testing.assert_allclose(variances, [[np.log(2) + 1e-6, 300 + 1e-6], [1e-6, np.log1p(np.e) + 1e-6]], rtol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 3))
def test_the_variance_of_a_mixture_is_that_of_draws_from_its_members(seed: int, members: int, targets: int):
    outputs = outputs_of(seed, members, 4, targets)
    mixture = RunningMixture(4, targets)
    for each in outputs:
        mixture.add(each)

    found = mixture.result()

    means, variances = (np.array(each) for each in zip(*map(means_and_variances, outputs), strict=True))
    np.testing.assert_allclose(found.mean, means.mean(axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.aleatoric_variance, variances.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(found.epistemic_variance, means.var(axis=0), rtol=1e-6, atol=1e-9)
    # The second moment of a mixture is the mean of those of its members.
    moment = (variances + means**2).mean(axis=0)
    np.testing.assert_allclose(found.variance, moment - means.mean(axis=0) ** 2, rtol=1e-6, atol=1e-9)


def test_members_may_predict_some_rows_only():
    outputs, mixture = outputs_of(1, 2, 3, 1), RunningMixture(5, 1)
    mixture.add(outputs[0], np.array([0, 1, 2]))
    mixture.add(outputs[1], np.array([2, 3, 0]))

    assert mixture.members.tolist() == [2, 1, 2, 1, 0]
    found = mixture.result(np.array([1, 2]))
    alone, together = RunningMixture(1, 1), RunningMixture(1, 1)
    alone.add(outputs[0, 1:2])
    together.add(outputs[0, 2:])
    together.add(outputs[1, :1])
    np.testing.assert_allclose(found.mean[:, 0], [alone.result().mean[0, 0], together.result().mean[0, 0]])
    np.testing.assert_allclose(found.variance[1], together.result().variance[0])


def test_members_that_agree_leave_no_epistemic_variance():
    mixture = RunningMixture(1, 1)
    for _ in range(3):
        mixture.add(np.array([[1e4 + 0.1, 0.0]]))

    assert mixture.result().epistemic_variance[0, 0] == pytest.approx(0.0, abs=1e-6)
    assert mixture.result().epistemic_variance[0, 0] >= 0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-6, 1e6), st.floats(-1e4, 1e4))
def test_standardised_numbers_come_back_in_their_units(seed: int, scale: float, offset: float):
    values = np.random.default_rng(seed).normal(offset * scale, scale, (20, 2))
    targets = target_scales(values, ("a", "b"))

    learnt = standardised(values, targets)
    mixture = RunningMixture(20, 2)
    mixture.add(np.concatenate([learnt, np.zeros((20, 2))], axis=1))
    found = mixture.result().in_units(targets)

    assert learnt.dtype == np.float64
    np.testing.assert_allclose(learnt.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(learnt.std(axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(found.mean, values, atol=1e-5 * max(target.scale for target in targets))
    np.testing.assert_allclose(
        found.standard_deviation[0] / [target.scale for target in targets], np.sqrt(np.log(2) + 1e-6), rtol=1e-9
    )


def test_a_target_without_spread_is_no_target():
    with pytest.raises(ValueError, match="greater than 0"):
        Target(name="a", mean=1.0, scale=0.0)
