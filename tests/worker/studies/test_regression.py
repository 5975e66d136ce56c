"""Runs that predict numbers are studied, with real storage and the engine in NumPy."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from deepchord.shared.checkpoints import decode_checkpoint, decode_ensemble_predictions
from deepchord.shared.datasets import Dataset, Images, Places, encode_dataset, publish_images
from deepchord.shared.errors import InputError
from deepchord.shared.messages import Recipe, RegressionStudy, RunSpec, StudySpec
from deepchord.shared.regression import RunningMixture, normal_half_width, standardised
from deepchord.worker.resources import Resources
from deepchord.worker.studies import StudyRequest, commit_study, place_study, stored_study, study_dataset, study_run
from deepchord.worker.studies.regression import StudiedRegression
from tests.worker.made_numbers import LINEAR, evaluated_numbers, number_run, numbers
from tests.worker.studies.shifted import shift_images

MEMBERS = 3


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return numbers()


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(
        optimizer="sgd",
        learning_rate=0.3,
        batch_size=32,
        epochs=4,
        validation_fraction=0.2,
        patience=30,
        calibration_fraction=0.2,
    )


@pytest.fixture
def run(resources: Resources, dataset: Dataset, recipe: Recipe) -> RunSpec:
    spec = number_run(resources, dataset, recipe, MEMBERS)
    evaluated_numbers(resources, spec)
    return spec


@pytest.fixture
def place(resources: Resources, run: RunSpec, tmp_path: Path) -> Callable[..., StudySpec]:
    def go(**options) -> StudySpec:
        places = Places(keras_home=tmp_path, download=False)
        request = StudyRequest(**options)
        return place_study(resources.store, run, request, places, resources.settings, "numpy")

    return go


def outputs_of(resources: Resources, run: RunSpec, images: np.ndarray) -> list[np.ndarray]:
    """Return what each member says of images."""
    resolved = LINEAR.resolve(input_shape=images.shape[1:], targets=2)
    network = resources.engine.build(resolved)
    found = []
    for index in range(run.members):
        member = resources.store.member(run.run_id, index)
        record = member.record().member
        network.set_weights(decode_checkpoint(member.weights(1, record.weights_sha256), resolved, "it"))
        found.append(network.outputs(images))
    return found


def test_a_study_tells_strangers_and_scores_shifted_images_as_a_few_lines_of_numpy_do(
    resources: Resources, run: RunSpec, dataset: Dataset
) -> None:
    strangers = Images(name="far", pixels=dataset.x_test[:30] * np.float32(8))
    spec = StudySpec(
        run_id=run.run_id,
        extension=0,
        name="study",
        requested_at=datetime.now(UTC),
        unseen=publish_images(strangers, resources.store),
        shifts=True,
    )
    assert resources.store.study(run.run_id, "study").create(spec)

    studied = study_run(resources, run, spec, lambda: None)

    assert isinstance(studied, StudiedRegression)
    assert commit_study(resources.store, spec, studied)
    study = resources.store.study(run.run_id, "study").result()
    assert isinstance(study, RegressionStudy)
    assert RegressionStudy.decode(study.encode(), "it") == study
    first, unlike = resources.store.evaluation(run).result(), {"evaluated_at", "duration_s", "predictions_sha256"}
    assert study.evaluation.model_dump(exclude=unlike) == first.model_dump(exclude=unlike)
    read = stored_study(resources.store, spec)
    assert (read.evaluation, read.unseen, read.shifted) == (studied.evaluation, studied.unseen, studied.shifted)

    stored = resources.store.study(run.run_id, "study").predictions(study.evaluation.predictions_sha256)
    found = decode_ensemble_predictions(stored, "it")
    labels = np.repeat([0, 1], [80, 30])
    scales = np.array([target.scale for target in dataset.targets])
    for detection in study.unseen.detection:
        name = {"total_variance": "variance"}.get(detection.measure, detection.measure)
        both = [getattr(part, name) for part in (found.test, found.unseen)]
        scores = (np.concatenate(both) / scales**2).mean(axis=1)
        assert detection.area_under_roc == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)
        assert detection.area_under_precision_recall == pytest.approx(average_precision_score(labels, scores), abs=1e-6)
    assert study.unseen.deviation == pytest.approx(np.sqrt((found.unseen.variance / scales**2).mean()))
    # The members are lines: far away they disagree, and nothing else tells them that they are far away.
    assert study.unseen.best.measure in ("epistemic_variance", "total_variance")
    assert study.unseen.best.area_under_roc > 0.8
    assert [each.index for each in study.unseen.members] == list(range(MEMBERS))

    shifted = next(each for each in study.shifted if (each.kind, each.strength) == ("noise", 2))
    assert len(study.shifted) == 35
    lowest, highest = float(dataset.x_train.min()), float(dataset.x_train.max())
    outputs = outputs_of(resources, run, shift_images(dataset.x_test, "noise", 2, lowest, highest))
    actual = standardised(dataset.y_test, dataset.targets)
    means = np.array([output[:, :2] for output in outputs], np.float64)
    variances = np.logaddexp(0, np.array([output[:, 2:] for output in outputs], np.float64)) + 1e-6
    errors = np.sqrt(((means - actual) ** 2).mean(axis=(1, 2)))
    assert shifted.members.root_mean_squared_error == pytest.approx(errors.mean())
    mean, variance = means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)
    loss = 0.5 * (np.log(2 * np.pi * variance) + (actual - mean) ** 2 / variance)
    assert shifted.mean.negative_log_likelihood == pytest.approx(loss.mean())
    deviations = np.abs(actual - mean) / np.sqrt(variance)
    assert shifted.mean.coverage[2] == pytest.approx((deviations <= normal_half_width(0.9)).mean())
    factors = np.sqrt(first.scaling.factors)
    assert shifted.scaled.coverage[2] == pytest.approx((deviations <= normal_half_width(0.9) * factors).mean())
    conformal = next(each for each in first.intervals if (each.method, each.level) == ("conformal", 0.9))
    assert shifted.conformal_coverage[2] == pytest.approx((deviations <= np.array(conformal.half_widths)).mean())
    alone = RunningMixture(80, 2)
    for output in outputs:
        alone.add(output)
    assert shifted.mean.root_mean_squared_error == pytest.approx(np.sqrt(((alone.result().mean - actual) ** 2).mean()))


def test_another_data_set_is_scored_if_it_has_the_same_numbers(
    place: Callable[..., StudySpec], resources: Resources, run: RunSpec, dataset: Dataset, tmp_path: Path
) -> None:
    turned = replace(
        dataset,
        x_test=dataset.x_test[::-1],
        y_test=dataset.y_test[::-1, ::-1],
        y_train=dataset.y_train[:, ::-1],
        targets=dataset.targets[::-1],
    )
    (tmp_path / "turned.npz").write_bytes(encode_dataset(turned))
    renamed = tuple(target.model_copy(update={"name": f"{target.name}s"}) for target in dataset.targets)
    (tmp_path / "renamed.npz").write_bytes(encode_dataset(replace(dataset, targets=renamed)))

    spec = place(dataset=str(tmp_path / "turned.npz"))
    scored = study_dataset(resources, run, spec)

    np.testing.assert_allclose(scored.y_test[::-1], dataset.y_test)
    assert scored.targets == dataset.targets
    studied = study_run(resources, run, spec, lambda: None)
    first = resources.store.evaluation(run).result()
    for ours, theirs in zip(studied.evaluation.test, first.test, strict=True):
        assert ours.root_mean_squared_error == pytest.approx(theirs.root_mean_squared_error)
    assert {member.parity for member in studied.evaluation.members} == {None}
    with pytest.raises(InputError, match=r"has the numbers prices, weights, and run .* predicts price, weight: give"):
        place(dataset=str(tmp_path / "renamed.npz"))
