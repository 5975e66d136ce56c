from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.runs import plan_member
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, Recipe, RunSpec
from deepchord.shared.network import notebook_architecture
from deepchord.worker.training import Split, calibration_images, member_split, random_split
from deepchord.worker.training.split import rotating_split

SIZES = st.integers(2, 300)
FRACTIONS = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 2**32 - 1)


def run_of(size: int, *, members: int = 7, seed: int = 3, **recipe: Any) -> RunSpec:
    return RunSpec(
        run_id="splits",
        created_at=datetime(2026, 5, 4, tzinfo=UTC),
        preset="quick",
        dataset=DatasetInfo(
            name="digits",
            sha256="0" * 64,
            input_shape=(28, 28, 1),
            class_names=("0", "1"),
            train_size=size,
            test_size=5,
        ),
        architecture=notebook_architecture(),
        recipe=Recipe(
            optimizer="nadam",
            learning_rate=0.002,
            batch_size=128,
            epochs=25,
            patience=10,
            **{"validation_fraction": 0.2, **recipe},
        ),
        members=members,
        min_members=1,
        seed=seed,
        max_attempts=3,
    )


def splits_of(run: RunSpec) -> list[Split]:
    labels = np.arange(run.dataset.train_size) % 2
    return [member_split(run, plan_member(run.run_id, run.seed, index), labels) for index in range(run.members)]


@given(
    size=SIZES,
    fraction=FRACTIONS,
    calibration=st.floats(0, 0.9),
    seed=SEEDS,
    splits=st.sampled_from(["random", "rotating"]),
    index=st.integers(0, 50),
    stratify=st.booleans(),
    classes=st.integers(1, 40),
)
def test_every_image_is_learned_from_or_held_out_or_left_for_calibration(
    size: int, fraction: float, calibration: float, seed: int, splits: str, index: int, stratify: bool, classes: int
):
    parts = {"validation_fraction": fraction, "calibration_fraction": calibration, "splits": splits}
    run = run_of(size, seed=seed, stratify=stratify, **parts)
    labels = np.random.default_rng(seed).integers(0, classes, size)
    kept = calibration_images(run, labels)
    try:
        split = member_split(run, plan_member(run.run_id, run.seed, index), labels)
    except InputError:
        remaining = size - len(kept)
        assert int(remaining * (1 - fraction)) == 0 or remaining - int(np.ceil(round(remaining * fraction, 6))) == 0
        return

    assert sorted([*split.training, *split.validation, *kept]) == list(range(size))
    assert len(kept) == round(size * calibration)
    assert len(split.validation) == pytest.approx((size - len(kept)) * fraction, abs=1)


@given(size=st.integers(2, 300), fraction=FRACTIONS, seed=SEEDS)
def test_with_rotating_splits_all_images_are_held_out_before_they_are_shuffled_anew(
    size: int, fraction: float, seed: int
):
    held_out = int(np.ceil(round(size * fraction, 6)))
    if held_out == size:
        return
    folds = -(-size // held_out)
    held_out_by = [rotating_split(size, fraction, seed, index).validation for index in range(2 * folds)]

    for each in (held_out_by[:folds], held_out_by[folds:]):
        assert {int(image) for fold in each for image in fold} == set(range(size))
    assert sum(map(len, held_out_by[:folds])) < size + held_out


def test_a_fifth_of_the_images_is_held_out_by_each_of_five_members_and_by_two_of_ten():
    splits = splits_of(run_of(60_000, members=10, splits="rotating"))

    assert {(len(split.training), len(split.validation)) for split in splits} == {(48_000, 12_000)}
    assert set(np.bincount(np.concatenate([split.validation for split in splits]))) == {2}
    assert not np.array_equal(splits[0].validation, splits[5].validation)


def test_a_larger_run_of_the_same_seed_begins_with_the_same_splits():
    few, many = (splits_of(run_of(200, members=members, splits="rotating")) for members in (3, 12))

    for one, other in zip(few, many, strict=False):
        assert one.training.tolist() == other.training.tolist()
        assert one.validation.tolist() == other.validation.tolist()


@given(size=SIZES, fraction=FRACTIONS, seed=SEEDS)
def test_a_random_split_takes_every_image_once_into_one_of_two_parts(size: int, fraction: float, seed: int):
    try:
        split = random_split(size, fraction, seed)
    except InputError:
        assert int(size * (1 - fraction)) == 0 or size - int(np.ceil(size * fraction)) == 0
        return

    assert sorted([*split.training, *split.validation]) == list(range(size))
    assert len(split.validation) == int(np.ceil(size * fraction))


def test_the_same_seed_splits_alike_and_another_seed_otherwise():
    first, again, other = (random_split(100, 0.2, seed).validation.tolist() for seed in (1, 1, 2))

    assert first == again
    assert sorted(first) != sorted(other)


def test_the_splits_of_a_seed_are_the_same_on_every_host_and_in_every_version():
    random, rotating = random_split(10, 0.2, 7), rotating_split(10, 0.2, 7, 3)
    run = run_of(20, seed=7, calibration_fraction=0.2)

    assert random.validation.tolist() == [8, 5]
    assert random.training.tolist() == [0, 2, 1, 9, 7, 3, 6, 4]
    assert rotating.validation.tolist() == [4, 0]
    assert rotating.training.tolist() == [3, 7, 5, 6, 9, 2, 8, 1]
    labels = np.arange(20) % 3 // 2
    assert calibration_images(run, labels).tolist() == [6, 8, 10, 16]
    stratified = run_of(20, seed=5, calibration_fraction=0.2, stratify=True)
    assert calibration_images(stratified, labels).tolist() == [1, 7, 11, 19]
    assert random_split(10, 0.2, 7, labels[:10]).validation.tolist() == [0, 7]
    assert rotating_split(10, 0.2, 7, 3, labels[:10]).validation.tolist() == [0, 3]


@pytest.mark.parametrize(("size", "fraction"), [(1, 0.5), (0, 0.5), (2, 0.9)])
def test_a_split_that_leaves_a_part_empty_says_what_to_change(size: int, fraction: float):
    with pytest.raises(InputError, match=rf"{size} training images .* validation_fraction = {fraction}"):
        random_split(size, fraction, 1)
    with pytest.raises(InputError, match=rf"{size} training images .* validation_fraction = {fraction}"):
        rotating_split(size, fraction, 1, 0)


@given(
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=30).filter(lambda sizes: sum(sizes) > 4),
    fraction=st.floats(0.05, 0.6),
    calibration=st.sampled_from([0.0, 0.05, 0.3]),
    splits=st.sampled_from(["random", "rotating"]),
    seed=SEEDS,
)
def test_stratified_parts_have_each_class_in_its_share(
    sizes: list[int], fraction: float, calibration: float, splits: str, seed: int
):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    parts = {"validation_fraction": fraction, "calibration_fraction": calibration, "splits": splits}
    run = run_of(len(labels), seed=seed, stratify=True, **parts)
    kept = calibration_images(run, labels)
    try:
        split = member_split(run, plan_member(run.run_id, run.seed, 2), labels)
    except InputError:
        return

    of_kept, of_validation, of_all = (
        np.bincount(labels[images], minlength=len(sizes)) for images in (kept, split.validation, np.arange(len(labels)))
    )
    # One more or less than its share; rounding and the last fold, which takes images from the first, cost another one.
    assert np.abs(of_kept - len(kept) / len(labels) * of_all).max() < 2
    remaining = of_all - of_kept
    assert np.abs(of_validation - len(split.validation) / remaining.sum() * remaining).max() < 3
    if len(kept) + (of_all == 1).sum() <= len(labels):
        assert not of_kept[of_all == 1].any()


def test_stratified_folds_together_hold_out_every_image():
    labels = np.repeat([0, 1, 2], [70, 25, 5])
    held_out = [rotating_split(100, 0.2, 3, index, labels).validation for index in range(5)]

    assert sorted(np.concatenate(held_out).tolist()) == list(range(100))
    assert [np.bincount(labels[fold], minlength=3).tolist() for fold in held_out] == [[14, 5, 1]] * 5
