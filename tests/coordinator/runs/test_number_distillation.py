"""A network that learns the means and variances of an ensemble: planned, taught, evaluated and reported."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from deepchord.coordinator.report import write_run_report
from deepchord.coordinator.runs import plan_distillation, plan_member
from deepchord.shared.checkpoints import decode_ensemble_predictions
from deepchord.shared.errors import CorruptObjectError, InputError
from deepchord.shared.messages import Distillation, Recipe, RunSpec
from deepchord.shared.regression import standardised
from deepchord.shared.settings import load_settings
from deepchord.worker.execution.evaluation_attempt import attempt_evaluation
from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member
from deepchord.worker.execution.teacher import taught_targets
from deepchord.worker.resources import Resources
from deepchord.worker.training import Observer
from tests.numpy_engine import NumpyEngine
from tests.worker.made_numbers import evaluated_numbers, number_run, numbers

RECIPE = Recipe(
    optimizer="sgd",
    learning_rate=0.3,
    batch_size=32,
    epochs=12,
    validation_fraction=0.2,
    patience=30,
    calibration_fraction=0.2,
)


def opened(folder: Path) -> Resources:
    settings = load_settings(broker="redis://127.0.0.1:1/0", storage=str(folder / "storage"), cache=folder / "cache")
    resources = Resources(settings)
    resources.engine = NumpyEngine()
    return resources


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, RunSpec]:
    folder = tmp_path_factory.mktemp("distillation")
    resources = opened(folder)
    run = number_run(resources, numbers(), RECIPE, 3)
    evaluated_numbers(resources, run)
    return folder, run


@pytest.fixture
def teacher(made) -> RunSpec:
    return made[1]


@pytest.fixture
def resources(made, tmp_path) -> Resources:
    """What a worker has, with an evaluated ensemble of three in its storage."""
    shutil.copytree(made[0] / "storage", tmp_path / "storage")
    return opened(tmp_path)


def planned(resources: Resources, teacher: RunSpec, **options: object) -> RunSpec:
    return plan_distillation(resources.store, teacher, options, max_attempts=2, cache=resources.settings.cache)


def test_a_distilled_run_of_numbers_is_one_network_trained_as_the_members_were(resources, teacher, tmp_path):
    layers = [{"type": "flatten"}, {"type": "dense", "units": 5}, {"type": "dense", "units": "outputs"}]
    (tmp_path / "net.json").write_text(json.dumps({"layers": layers}))

    run = planned(resources, teacher)

    assert (run.members, run.seed, run.dataset, run.recipe) == (1, teacher.seed, teacher.dataset, teacher.recipe)
    assert run.distillation == Distillation(teacher=teacher.run_id)
    assert len(planned(resources, teacher, architecture=str(tmp_path / "net.json")).architecture.layers) == 3
    with pytest.raises(InputError, match="class_weights is for runs that predict classes"):
        planned(resources, teacher, class_weights="balanced")


def test_what_is_learnt_has_the_moments_of_the_ensemble_mixed_with_the_actual_number(resources, teacher):
    store, data = resources.store, resources.dataset(teacher.dataset)
    evaluation = store.evaluation(teacher).result()
    stored = store.evaluation(teacher).predictions(evaluation.predictions_sha256)
    said = decode_ensemble_predictions(stored, "stored").train
    scales = np.array([target.scale for target in data.targets])
    means = standardised(said.mean, data.targets)
    variances = said.variance * np.array(evaluation.scaling.factors) / scales**2

    alone = taught_targets(store, Distillation(teacher=teacher.run_id), data)
    mixed = taught_targets(store, Distillation(teacher=teacher.run_id, temperature=3.0, share=0.25), data)

    assert (alone.dtype, alone.shape) == (np.float32, (320, 4))
    np.testing.assert_allclose(alone, np.hstack([means, variances]), rtol=1e-5, atol=1e-6)
    actual = standardised(data.y_train, data.targets)
    mean = 0.25 * means + 0.75 * actual
    second = 0.25 * (3 * variances + means**2) + 0.75 * actual**2
    np.testing.assert_allclose(mixed, np.hstack([mean, second - mean**2]), rtol=1e-4, atol=1e-5)

    (Path(resources.settings.storage) / "runs" / teacher.run_id / "evaluation.json").unlink()
    with pytest.raises(CorruptObjectError, match="has no evaluation any more, which members are to learn from"):
        taught_targets(store, Distillation(teacher=teacher.run_id), data)


def test_the_report_says_what_was_kept(resources, teacher, tmp_path):
    store, run = resources.store, planned(resources, teacher, epochs=40)
    store.create_run(run)
    spec = plan_member(run.run_id, run.seed, 0)
    record = attempt_member(resources, run, spec, BegunAttempt(number=1), Observer(), lambda line: None)
    attempt_evaluation(resources, run, lambda: None)

    content, page = write_run_report(resources.settings, store, run, tmp_path / "report")

    # The mean of lines is a line, so the network can say nearly what they do; it has less noise than the numbers.
    assert record.member.history[-1].train_error < 0.2
    own, taught = content.evaluation, content.teacher.evaluation
    for ours, theirs, target in zip(own.test, taught.test, content.targets, strict=True):
        assert abs(ours.root_mean_squared_error - theirs.root_mean_squared_error) < 0.05 * target.scale
    text = page.read_text(encoding="utf-8")
    assert f"It learnt from the 3 members of {teacher.run_id}, and has an error (RMSE) of" in text
    assert "What was kept" in text
    kept = json.loads((tmp_path / "report" / "summary.json").read_text())["ensemble"]["kept"]
    assert [row["name"] for row in kept] == ["ensemble", "average member", "this run"]
    shares = [
        each.root_mean_squared_error / target.scale for each, target in zip(own.test, content.targets, strict=True)
    ]
    assert kept[2]["root_mean_squared_error"] == pytest.approx(np.sqrt(np.mean(np.square(shares))), rel=1e-4)
    assert "coverage" not in kept[1]

    shutil.rmtree(Path(resources.settings.storage) / "runs" / teacher.run_id)
    content, page = write_run_report(resources.settings, store, run, tmp_path / "alone")
    assert content.teacher is None
    assert "What was kept" not in page.read_text(encoding="utf-8")
