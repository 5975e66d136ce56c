"""A network that learns what an ensemble says: planned, taught, evaluated and reported, without a broker."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepchord.coordinator.report import write_run_report
from deepchord.coordinator.runs import plan_distillation, plan_member
from deepchord.shared.checkpoints import decode_ensemble_probabilities
from deepchord.shared.datasets import publish_dataset
from deepchord.shared.errors import CorruptObjectError, InputError, RunNotFoundError
from deepchord.shared.messages import Distillation, InitialWeights
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import keys
from deepchord.shared.uncertainty import calibrator_of, with_temperature
from deepchord.worker.execution.evaluation_attempt import attempt_evaluation
from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member
from deepchord.worker.execution.teacher import taught_targets
from deepchord.worker.resources import Resources
from deepchord.worker.training import Observer
from tests.ensemble.conftest import RUN, make_run
from tests.numpy_engine import NumpyEngine


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distillation")
    make_run(folder / "storage")
    return folder


@pytest.fixture
def resources(made, tmp_path):
    """What a worker has, with an evaluated ensemble of three in its storage."""
    shutil.copytree(made / "storage", tmp_path / "storage")
    settings = load_settings(
        broker="redis://127.0.0.1:1/0", storage=str(tmp_path / "storage"), cache=tmp_path / "cache"
    )
    opened = Resources(settings)
    opened.engine = NumpyEngine()
    return opened


def planned(resources, **options):
    cache = resources.settings.cache
    return plan_distillation(resources.store, resources.store.run(RUN), options, max_attempts=2, cache=cache)


def test_a_distilled_run_is_one_network_trained_as_the_members_were(resources):
    teacher, run = resources.store.run(RUN), planned(resources)

    assert (run.members, run.min_members, run.seed, run.dataset) == (1, 1, teacher.seed, teacher.dataset)
    assert run.architecture == teacher.architecture
    assert run.recipe == teacher.recipe.model_copy(update={"label_smoothing": 0.0})
    assert run.distillation == Distillation(teacher=RUN)
    assert run.run_id != RUN


def test_the_network_of_the_members_starts_from_the_weights_that_they_did_and_another_does_not(resources, tmp_path):
    given = InitialWeights(sha256="0" * 64, source="a.keras")
    teacher = resources.store.run(RUN).model_copy(update={"initial_weights": given})
    resources.store.objects.replace(keys.run(RUN), teacher.encode())
    (tmp_path / "net.json").write_text(teacher.architecture.model_dump_json())

    assert planned(resources).initial_weights == given
    assert planned(resources, architecture=str(tmp_path / "net.json")).initial_weights is None


def test_options_go_before_what_the_members_had(resources, tmp_path):
    (tmp_path / "net.json").write_text(
        json.dumps(
            {
                "layers": [
                    {"type": "flatten"},
                    {"type": "dense", "units": 5, "activation": "relu"},
                    {"type": "dense", "units": "classes", "activation": "softmax"},
                ]
            }
        )
    )

    run = planned(
        resources, members=3, epochs=7, temperature=2.0, share=0.5, seed=9, architecture=str(tmp_path / "net.json")
    )

    assert (run.members, run.min_members, run.seed, run.recipe.epochs) == (3, 2, 9, 7)
    assert run.distillation == Distillation(teacher=RUN, temperature=2.0, share=0.5)
    assert len(run.architecture.layers) == 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"share": 1.5}, r"The options given: share: input should be less than or equal to 1, found 1\.5"),
        ({"temperature": 0}, "The options given: temperature: input should be greater than 0"),
        ({"members": 0}, "The options given: members: "),
        ({"epochs": 0}, "The options given: epochs: "),
        ({"epoch": 3}, "unknown option 'epoch'; did you mean 'epochs'"),
        ({"architecture": "none.toml"}, r"none\.toml cannot be read"),
    ],
)
def test_an_option_that_is_not_possible_is_refused(resources, options, sentence):
    with pytest.raises(InputError, match=sentence):
        planned(resources, **options)


def test_weights_that_leave_no_training_image_are_refused(resources):
    teacher = resources.store.run(RUN)
    data = resources.dataset(teacher.dataset)
    info = publish_dataset(replace(data, class_names=(*data.class_names, "none")), resources.store)
    resources.store.objects.replace(keys.run(RUN), teacher.model_copy(update={"dataset": info}).encode())

    with pytest.raises(InputError, match="all classes of which there are training images have the weight 0"):
        planned(resources, class_weights=dict.fromkeys(data.class_names, 0.0))


def test_a_run_that_has_not_ended_teaches_nobody(resources):
    (Path(resources.settings.storage) / "runs" / RUN / "evaluation.json").unlink()

    with pytest.raises(InputError, match="is not evaluated yet"):
        planned(resources)


def test_what_is_learnt_is_what_the_ensemble_says_and_the_label(resources):
    store, data = resources.store, resources.dataset(resources.store.run(RUN).dataset)
    _, evaluation = store.last_evaluation(store.run(RUN))
    stored = store.evaluation(store.run(RUN)).probabilities(evaluation.probabilities_sha256)
    said = calibrator_of(evaluation.uncertainty.calibration)(decode_ensemble_probabilities(stored, "stored").train)

    alone = taught_targets(store, Distillation(teacher=RUN), data)
    mixed = taught_targets(store, Distillation(teacher=RUN, temperature=3.0, share=0.25), data)

    np.testing.assert_allclose(alone, said, atol=1e-6)
    labels = np.eye(3)[data.y_train]
    np.testing.assert_allclose(mixed, 0.25 * with_temperature(said, 3.0) + 0.75 * labels, atol=1e-6)
    np.testing.assert_allclose(mixed.sum(axis=1), 1, atol=1e-5)
    assert mixed.dtype == np.float32


def test_a_teacher_that_is_gone_is_named(resources):
    data = resources.dataset(resources.store.run(RUN).dataset)
    with pytest.raises(RunNotFoundError, match="There is no run 'gone'"):
        taught_targets(resources.store, Distillation(teacher="gone"), data)

    (Path(resources.settings.storage) / "runs" / RUN / "evaluation.json").unlink()
    with pytest.raises(CorruptObjectError, match="has no evaluation any more, which members are to learn from"):
        taught_targets(resources.store, Distillation(teacher=RUN), data)


def test_the_report_says_what_was_kept(resources, tmp_path):
    store, run = resources.store, planned(resources, epochs=60)
    store.create_run(run)
    spec = plan_member(run.run_id, run.seed, 0)
    record = attempt_member(resources, run, spec, BegunAttempt(number=1), Observer(), lambda line: None)
    attempt_evaluation(resources, run, lambda: None)

    content, page = write_run_report(resources.settings, store, run, tmp_path / "report")

    # Against what the ensemble says, which is less noisy than the labels.
    assert record.member.history[-1].train_accuracy > content.evaluation.train.accuracy + 0.1
    text = page.read_text(encoding="utf-8")
    assert f"It learnt from the 3 members of {RUN}" in text
    assert "What was kept" in text
    kept = json.loads((tmp_path / "report" / "summary.json").read_text())["ensemble"]["kept"]
    assert [row["name"] for row in kept] == ["ensemble", "average member", "this run"]
    assert kept[2]["accuracy"] == content.evaluation.test.accuracy
    assert kept[0]["accuracy"] == content.teacher.evaluation.test.accuracy
    assert kept[1]["accuracy"] == pytest.approx(content.teacher.evaluation.mean_member_accuracy)

    shutil.rmtree(Path(resources.settings.storage) / "runs" / RUN)
    _, page = write_run_report(resources.settings, store, run, tmp_path / "alone")
    assert "What was kept" not in page.read_text(encoding="utf-8")
