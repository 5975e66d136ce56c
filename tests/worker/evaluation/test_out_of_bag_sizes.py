import tracemalloc

import numpy as np
import pytest

from deepchord.shared.uncertainty import accuracy, negative_log_likelihood
from deepchord.worker.evaluation import out_of_bag_sizes
from deepchord.worker.evaluation.out_of_bag_sizes import OutOfBagSizes
from tests.shared.uncertainty.drawn import softmax

CLASSES, IMAGES = 4, 240
LABELS = np.arange(IMAGES) % CLASSES


def members_of(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    truth = np.eye(CLASSES)[LABELS] * 2
    return [softmax(truth + generator.normal(size=truth.shape) * 2) for _ in range(count)]


def collected(members: list[np.ndarray], folds: int) -> OutOfBagSizes:
    sizes = OutOfBagSizes(LABELS, CLASSES)
    for index, member in enumerate(members):
        held_out = np.arange(IMAGES)[index % folds :: folds]
        sizes.add(held_out, member[held_out])
    return sizes


def test_images_of_rotating_folds_are_scored_by_as_many_members_as_held_them_out():
    members = members_of(9)
    first, second, last = collected(members, folds=3).result()

    own = np.array([[members[image % 3 + 3 * turn][image] for image in range(IMAGES)] for turn in range(3)])
    assert [first.members, second.members, last.members] == [1, 2, 3]
    # Every order ends with the same mean, of all members that an image has.
    expected = pytest.approx(negative_log_likelihood(own.mean(axis=0), LABELS), abs=1e-6)
    assert (last.negative_log_likelihood.low, last.negative_log_likelihood.high) == (expected, expected)
    assert last.accuracy.value == pytest.approx(accuracy(own.mean(axis=0), LABELS))
    # One member alone: the orders choose another one for an image each time, about as good in the mean.
    alone = np.mean([negative_log_likelihood(turn, LABELS) for turn in own])
    assert first.negative_log_likelihood.low < first.negative_log_likelihood.high
    assert first.negative_log_likelihood.value == pytest.approx(alone, rel=0.03)
    assert alone > second.negative_log_likelihood.value > last.negative_log_likelihood.value


def test_an_order_is_one_of_all_members_so_that_images_of_one_fold_meet_the_same_member_first(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(out_of_bag_sizes, "ORDERS", 1)
    members = members_of(4)
    first, _ = collected(members, folds=2).result()

    losses = {
        (even, odd): negative_log_likelihood(np.where((LABELS % 2 == 0)[:, None], members[even], members[odd]), LABELS)
        for even in (0, 2)
        for odd in (1, 3)
    }
    assert min(abs(first.negative_log_likelihood.value - loss) for loss in losses.values()) < 1e-6


def test_with_random_splits_the_largest_size_is_one_that_half_of_the_images_have():
    generator, members = np.random.default_rng(1), members_of(12)
    sizes, counts = OutOfBagSizes(LABELS, CLASSES), np.zeros(IMAGES, dtype=int)
    for member in members:
        held_out = generator.permutation(IMAGES)[: IMAGES // 3]
        counts[held_out] += 1
        sizes.add(held_out, member[held_out])

    found = sizes.result()

    assert 2 * (counts >= len(found)).sum() >= (counts >= 2).sum() > 2 * (counts > len(found)).sum()
    assert len(found) > 2


def test_without_an_image_that_two_members_held_out_there_are_no_sizes():
    assert collected(members_of(3), folds=3).result() == ()
    assert OutOfBagSizes(LABELS, CLASSES).result() == ()


def test_memory_does_not_grow_with_the_number_of_members():
    member = members_of(1)
    tracemalloc.start()
    try:
        collected(member * 40, folds=2)
        few = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        sizes = collected(member * 400, folds=2)
        assert tracemalloc.get_traced_memory()[1] < 1.1 * few
    finally:
        tracemalloc.stop()
    assert sizes.result()[-1].members == 12


def test_of_many_images_a_sample_is_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(out_of_bag_sizes, "_MOST_IMAGES", IMAGES // 2)

    sampled = collected(members_of(4), folds=2).result()

    monkeypatch.undo()
    every = collected(members_of(4), folds=2).result()
    assert [size.members for size in sampled] == [size.members for size in every]
    assert sampled[-1].accuracy.value == pytest.approx(every[-1].accuracy.value, abs=0.1)
