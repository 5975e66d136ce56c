import json
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepchord.shared.messages import EnsembleUncertainty
from deepchord.shared.uncertainty import fit_temperature, negative_log_likelihood
from deepchord.worker.evaluation.held_out import HeldOut
from deepchord.worker.evaluation.uncertainty import MeasuredUncertainty, UncertaintyCollector
from tests.shared.uncertainty.drawn import calibrated, softmax

CLASSES = 4


def numbers(value: object) -> Iterator[float]:
    """Yield all numbers of decoded JSON."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from numbers(each)
    elif isinstance(value, int | float):
        yield value


def measured(
    members: np.ndarray, train_labels: np.ndarray, test_labels: np.ndarray, *, folds: int | None = None
) -> MeasuredUncertainty:
    """Return what is found of members [members, train and test images, classes]; with folds, each holds one out."""
    size = len(train_labels)
    collector = UncertaintyCollector(train_labels, test_labels, members.shape[2])
    for index, member in enumerate(members):
        held_out = np.arange(size)[index % folds :: folds] if folds else None
        collector.add(index, member[:size], member[size:], held_out)
    return collector.result()


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(1, 30),
    tested=st.integers(1, 20),
    members=st.integers(1, 5),
    sharpness=st.sampled_from([0.0, 1.0, 200.0]),
    labels=st.sampled_from(["random", "one", "wrong"]),
    folds=st.sampled_from([None, 1, 3]),
)
def test_whatever_members_say_the_record_holds_finite_numbers(
    seed: int, size: int, tested: int, members: int, sharpness: float, labels: str, folds: int | None
):
    generator = np.random.default_rng(seed)
    drawn = softmax(generator.normal(size=(members * (size + tested), CLASSES)) * sharpness)
    drawn = drawn.reshape(members, size + tested, CLASSES)
    actual = generator.integers(0, CLASSES, size + tested)
    if labels == "one":
        actual[:] = 2
    elif labels == "wrong":
        actual = drawn.mean(axis=0).argmin(axis=1)

    found = measured(drawn, actual[:size], actual[size:], folds=folds)

    encoded = found.uncertainty.encode()
    assert EnsembleUncertainty.decode(encoded, "it") == found.uncertainty
    assert np.isfinite(list(numbers(json.loads(encoded)))).all()
    if found.calibrated_test is not None:
        assert np.isfinite(found.calibrated_test).all()
        assert found.uncertainty.calibrated is not None
        assert found.uncertainty.calibrated.accuracy.value == found.uncertainty.mean.accuracy.value


def test_the_order_of_members_changes_nothing_but_their_scores_order():
    labels = np.arange(60) % CLASSES
    drawn = softmax(np.random.default_rng(1).normal(size=(5 * 60, CLASSES))).reshape(5, 60, CLASSES)

    one, other = (measured(members, labels[:40], labels[40:]) for members in (drawn, drawn[::-1]))

    assert one.uncertainty.mean.expected_calibration_error.value == pytest.approx(
        other.uncertainty.mean.expected_calibration_error.value, abs=1e-6
    )
    np.testing.assert_allclose(one.images.mutual_information, other.images.mutual_information, atol=1e-6)


def test_out_of_bag_takes_each_image_from_the_members_that_held_it_out():
    labels = np.arange(6) % 3
    drawn = softmax(np.random.default_rng(0).normal(size=(3 * 6, 3))).reshape(3, 6, 3)
    out_of_bag = HeldOut(6, 3)
    for held_out, member in zip(([0, 1], [1, 2], [1, 4]), drawn, strict=True):
        out_of_bag.add(np.array(held_out), member[held_out])

    found = out_of_bag.calibration(labels[out_of_bag.images()], 3, "out_of_bag")

    assert out_of_bag.images().tolist() == [0, 1, 2, 4]
    expected = np.stack([drawn[0, 0], drawn[:, 1].mean(axis=0), drawn[1, 2], drawn[2, 4]])
    np.testing.assert_allclose(out_of_bag.mean(out_of_bag.images()), expected, atol=1e-6)
    assert (found.images, found.members_per_image, found.is_extrapolated) == (4, 6 / 4, False)
    assert found.temperature == pytest.approx(fit_temperature(expected, labels[[0, 1, 2, 4]]))


def test_from_members_that_held_out_the_same_images_the_temperature_of_many_is_extrapolated():
    """Members are a calibrated truth with noise of their own, so their mean is the less certain the more there are."""
    truth, labels = calibrated(4_000, classes=CLASSES)
    generator = np.random.default_rng(5)

    def member() -> np.ndarray:
        return softmax(np.log(truth) + generator.normal(size=truth.shape))

    out_of_bag = HeldOut(len(truth), CLASSES)
    for _ in range(2):
        out_of_bag.add(np.arange(len(truth)), member())
    found = out_of_bag.calibration(labels, 40, "out_of_bag")
    best = fit_temperature(np.mean([member() for _ in range(40)], axis=0), labels)

    assert found.is_extrapolated
    assert abs(found.temperature - best) < 0.5 * abs(found.fitted_temperature - best)


@pytest.mark.parametrize("images", [120, 400])
def test_also_of_few_images_of_which_two_members_held_some_out_the_temperature_is_extrapolated(images):
    """Single members are too certain here, which asks for more than 1; the mean of eight is not."""
    truth, labels = calibrated(images, classes=CLASSES)
    generator = np.random.default_rng(5)
    members = [softmax(np.log(truth) + generator.normal(size=truth.shape)) for _ in range(8)]
    out_of_bag = HeldOut(images, CLASSES)
    for number, member in enumerate(members):
        held_out = np.arange(images)[number % 5 :: 5]
        out_of_bag.add(held_out, member[held_out])

    found = out_of_bag.calibration(labels, 8, "out_of_bag")
    best = fit_temperature(np.mean(members, axis=0), labels)

    assert (found.images, found.members_per_image) == (images, pytest.approx(1.6))
    assert found.is_extrapolated
    assert abs(found.temperature - best) < abs(found.fitted_temperature - best)


def test_what_one_more_member_brings_is_told_from_those_that_held_images_out():
    truth, labels = calibrated(20_000, classes=CLASSES)
    generator = np.random.default_rng(5)
    members = [softmax(np.log(truth) + generator.normal(size=truth.shape)) for _ in range(41)]
    held_out = HeldOut(len(truth), CLASSES)
    for member in members[:4]:
        held_out.add(np.arange(len(truth)), member)

    found = held_out.next_member(labels, 40)
    before, after = (negative_log_likelihood(np.mean(members[:size], axis=0), labels) for size in (20, 40))

    assert found is not None
    assert (found.images, found.members_per_image) == (20_000, 4)
    assert found.loss == pytest.approx(after, rel=0.02)
    # Linear in 1 / members: the fall from 20 to 40 members is (1/20 - 1/40) / (1/40 - 1/41) times that of the 41st.
    assert found.fall * 41 == pytest.approx(before - after, rel=0.4)
    assert found.share == found.fall / found.loss


def test_images_that_one_member_held_out_do_not_tell_what_the_next_one_brings():
    held_out = HeldOut(4, 3)
    held_out.add(np.array([0, 1]), np.full((2, 3), 1 / 3))
    held_out.add(np.array([2, 3]), np.full((2, 3), 1 / 3))

    assert held_out.next_member(np.zeros(4, dtype=np.int64), 2) is None


def test_members_that_say_the_same_bring_nothing():
    held_out, labels = HeldOut(4, 3), np.arange(4) % 3
    for _ in range(3):
        held_out.add(np.arange(4), np.full((4, 3), 1 / 3))

    found = held_out.next_member(labels, 3)

    assert found is not None
    assert found.fall == pytest.approx(0, abs=1e-12)
    assert found.share == found.fall / found.loss
    assert found.loss == pytest.approx(np.log(3))


def test_what_is_extrapolated_from_images_that_two_held_out_is_fitted_on_these_alone():
    truth, labels = calibrated(4_000, classes=CLASSES)
    out_of_bag = HeldOut(len(truth), CLASSES)
    for held_out in (np.arange(4_000), np.arange(1_000, 4_000)):
        out_of_bag.add(held_out, truth[held_out])

    images = out_of_bag.images()
    found = out_of_bag.calibration(labels[images], 2, "out_of_bag")

    assert images.tolist() == list(range(1_000, 4_000))
    assert (found.images, found.members_per_image) == (3_000, 2)
    # An ensemble of no more members than held out an image needs no other temperature.
    assert (
        found.temperature == found.fitted_temperature == pytest.approx(fit_temperature(truth[images], labels[images]))
    )


def test_images_for_calibration_go_before_images_that_members_held_out():
    labels = np.arange(60) % CLASSES
    drawn = softmax(np.random.default_rng(1).normal(size=(60, CLASSES)))
    collector = UncertaintyCollector(labels[:40], labels[40:], CLASSES, np.arange(0, 40, 2))
    collector.add(0, drawn[:40], drawn[40:], np.arange(1, 40, 2))

    found = collector.result().uncertainty.calibration

    assert found is not None
    assert (found.source, found.images) == ("calibration_images", 20)
    assert found.temperature == fit_temperature(drawn[0:40:2], labels[0:40:2])


def test_sets_and_thresholds_hold_on_images_that_nobody_has_seen():
    """Most images have nearly the same confidence, as with smoothed labels: a small difference in scores would show."""
    generator = np.random.default_rng(2)
    labels = generator.integers(0, CLASSES, 12_000)
    certainty = generator.normal(3.0, 0.3, len(labels))
    logits = generator.normal(0, 0.4, (len(labels), CLASSES))
    shown = np.where(generator.random(len(labels)) < 0.08, generator.integers(0, CLASSES, len(labels)), labels)
    logits[np.arange(len(labels)), shown] += certainty
    probabilities = softmax(logits)
    collector = UncertaintyCollector(labels[:4_000], labels[4_000:], CLASSES, np.arange(4_000))
    collector.add(0, probabilities[:4_000], probabilities[4_000:], None)

    found = collector.result().uncertainty

    assert found.calibration.confidence_map != ()
    for sets in found.conformal:
        assert sets.coverage == pytest.approx(sets.level, abs=0.03), (sets.method, sets.guarantee, sets.level)
    for abstention in found.selective.abstentions:
        if abstention.test_risk is not None:
            assert abstention.test_risk < 2 * abstention.risk + 0.005
