import numpy as np
import pytest

from deepchord.shared.uncertainty import accuracy, negative_log_likelihood
from deepchord.worker.evaluation import ensemble_sizes
from deepchord.worker.evaluation.ensemble_sizes import EnsembleSizes
from tests.shared.uncertainty.drawn import softmax

LABELS = np.arange(200) % 4


def members_of(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    truth = np.eye(4)[LABELS] * 2
    return [softmax(truth + generator.normal(size=(200, 4)) * 2) for _ in range(count)]


def sizes_of(members: list[np.ndarray]) -> EnsembleSizes:
    sizes = EnsembleSizes(LABELS)
    for member in members:
        sizes.add(member)
    return sizes


def test_one_member_is_scored_as_the_average_member_and_all_of_them_as_the_ensemble():
    members = members_of(5)
    first, *_, last = sizes_of(members).result()

    losses = [negative_log_likelihood(member, LABELS) for member in members]
    assert (first.members, last.members) == (1, 5)
    assert min(losses) <= first.negative_log_likelihood.low
    assert first.negative_log_likelihood.high <= max(losses)
    assert last.negative_log_likelihood.value == pytest.approx(
        negative_log_likelihood(np.mean(members, axis=0), LABELS), abs=1e-6
    )
    expected = pytest.approx(accuracy(np.mean(members, axis=0), LABELS))
    assert (last.accuracy.low, last.accuracy.value, last.accuracy.high) == (expected, expected, expected)


def test_more_members_have_a_lower_loss_and_each_size_is_there_once():
    found = sizes_of(members_of(6)).result()

    assert [each.members for each in found] == [1, 2, 3, 4, 5, 6]
    losses = [each.negative_log_likelihood.value for each in found]
    assert losses == sorted(losses, reverse=True)


def test_of_many_members_only_as_many_are_kept_as_fit(monkeypatch: pytest.MonkeyPatch):
    members = members_of(9)
    monkeypatch.setattr(ensemble_sizes, "KEPT_BYTES", 4 * members[0].nbytes + 1)

    assert sizes_of(members).result()[-1].members == 4


def test_a_single_member_has_no_smaller_ensemble():
    assert sizes_of(members_of(1)).result() == ()
