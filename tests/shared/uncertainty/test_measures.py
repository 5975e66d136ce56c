import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy

from deepchord.shared.uncertainty import RunningUncertainty, entropy, share_of_maximum
from tests.shared.uncertainty.drawn import Drawn, predictions, softmax


def of_members(members: np.ndarray) -> RunningUncertainty:
    running = RunningUncertainty(*members.shape[1:])
    for member in members:
        running.add(member)
    return running


@given(drawn=predictions())
def test_entropy_lies_between_zero_and_its_maximum_and_agrees_with_scipy(drawn: Drawn):
    probabilities, _ = drawn
    found = entropy(probabilities)

    np.testing.assert_allclose(found, scipy_entropy(probabilities.astype(np.float64), axis=1), atol=1e-6)
    shares = share_of_maximum(found, probabilities.shape[1])
    assert (shares >= 0).all()
    assert (shares <= 1 + 1e-6).all()


@given(seed=st.integers(0, 2**32 - 1), members=st.integers(1, 6), images=st.integers(1, 20), classes=st.integers(2, 5))
def test_total_uncertainty_is_that_of_the_members_and_their_difference(
    seed: int, members: int, images: int, classes: int
):
    generator = np.random.default_rng(seed)
    drawn = softmax(generator.normal(size=(members * images, classes)) * 3).reshape(members, images, classes)
    found = of_members(drawn).result()

    np.testing.assert_allclose(found.expected_entropy, np.mean([entropy(one) for one in drawn], axis=0), atol=1e-5)
    np.testing.assert_allclose(found.predictive_entropy, entropy(drawn.mean(axis=0)), atol=1e-5)
    np.testing.assert_allclose(found.mutual_information, found.predictive_entropy - found.expected_entropy, atol=1e-5)
    assert (found.mutual_information >= 0).all()
    votes = drawn.argmax(axis=2)
    modal = [np.bincount(votes[:, image]).max() / members for image in range(images)]
    np.testing.assert_allclose(found.disagreement, 1 - np.array(modal), atol=1e-6)
    np.testing.assert_allclose(found.confidence, drawn.mean(axis=0).max(axis=1), atol=1e-6)


def test_members_that_agree_share_no_information_and_members_that_contradict_share_most():
    certain = np.eye(2, dtype=np.float32)[None, [0]]
    agreeing = of_members(np.concatenate([certain, certain])).result()
    contradicting = of_members(np.concatenate([certain, certain[:, :, ::-1]])).result()

    assert agreeing.mutual_information.tolist() == agreeing.disagreement.tolist() == [0]
    assert contradicting.mutual_information.tolist() == pytest.approx([np.log(2)])
    assert contradicting.disagreement.tolist() == [0.5]
    assert contradicting.expected_entropy.tolist() == [0]
