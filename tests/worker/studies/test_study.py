"""A run in real storage, trained in NumPy, is studied; a worker's task does the same."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from deepchord.shared.checkpoints import decode_checkpoint, decode_ensemble_probabilities
from deepchord.shared.datasets import Dataset, Images, Places, encode_dataset, fitted_images, publish_images
from deepchord.shared.errors import CheckpointError, DatasetError, InputError
from deepchord.shared.messages import ImageFiles, RunSpec, StudySpec
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.worker.execution.evaluation_attempt import attempt_evaluation
from deepchord.worker.resources import Resources
from deepchord.worker.studies import (
    StudyRequest,
    WeightPatterns,
    check_name,
    commit_study,
    ended_version,
    evaluate_command,
    place_study,
    study_dataset,
    study_run,
)
from deepchord.worker.studies.conditions import ShiftCollector
from tests.shared.datasets.image_files.pictures import write_classes
from tests.worker.studies.shifted import shift_images


@pytest.fixture
def store(resources: Resources) -> RunStore:
    return resources.store


@pytest.fixture
def evaluated(resources: Resources, run: RunSpec, recorded: Callable) -> RunSpec:
    recorded("ttf")
    attempt_evaluation(resources, run, lambda: None)
    return run


@pytest.fixture
def strangers() -> Images:
    pixels = np.random.default_rng(5).integers(0, 256, (25, 4, 4, 1)).astype(np.uint8)
    return Images(name="noise", pixels=pixels)


def spec_of(run: RunSpec, **options) -> StudySpec:
    return StudySpec(run_id=run.run_id, extension=0, name="study", requested_at=datetime.now(UTC), **options)


def test_a_study_of_nothing_more_gives_what_the_evaluation_gave(resources, store, evaluated):
    spec = spec_of(evaluated)
    assert store.study(evaluated.run_id, "study").create(spec)

    studied = study_run(resources, evaluated, spec, lambda: None)

    assert commit_study(store, spec, studied)
    first, again = store.evaluation(evaluated).result(), store.study(evaluated.run_id, "study").result().evaluation
    unlike = {"evaluated_at", "duration_s"}
    assert again.model_dump(exclude=unlike) == first.model_dump(exclude=unlike)
    assert not commit_study(store, spec, studied)
    assert store.study_names(evaluated.run_id) == ["study"]


def test_unseen_images_are_told_as_other_implementations_tell_them(resources, store, evaluated, strangers, dataset):
    spec = spec_of(evaluated, unseen=publish_images(strangers, store))

    studied = study_run(resources, evaluated, spec, lambda: None)
    commit_study(store, spec, studied)

    stored = store.study(evaluated.run_id, "study")
    study = stored.result()
    found = decode_ensemble_probabilities(stored.probabilities(study.evaluation.probabilities_sha256), "it")
    labels = np.repeat([0, 1], [30, 25])
    for detection in study.unseen.detection:
        known = getattr(found.test_uncertainty, detection.measure)
        scores = np.concatenate([known, getattr(found.unseen_uncertainty, detection.measure)])
        scores = -scores if detection.measure == "confidence" else scores
        assert detection.area_under_roc == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)
        assert detection.area_under_precision_recall == pytest.approx(average_precision_score(labels, scores), abs=1e-6)
    resolved = evaluated.architecture.resolve(input_shape=(4, 4, 1), classes=3)
    network = resources.engine.build(resolved)
    for each in study.unseen.members:
        member = store.member(evaluated.run_id, each.index)
        record = member.record().member
        data = member.weights(record.attempt, record.weights_sha256)
        network.set_weights(decode_checkpoint(data, resolved, "it"))
        images = np.concatenate([dataset.x_test, strangers.pixels]) / np.float32(255)
        confidence = network.outputs(images.astype(np.float32)).max(axis=1)
        assert [one.measure for one in each.detection] == ["confidence", "predictive_entropy"]
        assert each.detection[0].area_under_roc == pytest.approx(roc_auc_score(labels, -confidence), abs=1e-6)
    assert [each.index for each in study.unseen.members] == [0, 1]
    areas = [each.detection[0].area_under_roc for each in study.unseen.members]
    assert study.unseen.average_members["confidence"] == pytest.approx(np.mean(areas))
    assert found.unseen.shape == (25, 3)
    assert study.unseen.mean_confidence == pytest.approx(found.unseen.max(axis=1).mean(), abs=1e-6)


def test_scores_of_shifted_images_are_those_of_a_few_lines_of_numpy(resources, store, evaluated, dataset):
    studied = study_run(resources, evaluated, spec_of(evaluated, shifts=True), lambda: None)
    network = resources.engine.build(evaluated.architecture.resolve(input_shape=(4, 4, 1), classes=3))
    shifted = next(each for each in studied.shifted if (each.kind, each.strength) == ("noise", 2))

    images = shift_images(dataset.x_test, "noise", 2, 0, 255) / np.float32(255)
    outputs = []
    for candidate in range(2):
        member = store.member(evaluated.run_id, candidate)
        record = member.record().member
        data = member.weights(record.attempt, record.weights_sha256)
        resolved = evaluated.architecture.resolve(input_shape=(4, 4, 1), classes=3)
        network.set_weights(decode_checkpoint(data, resolved, "it"))
        outputs.append(network.outputs(images.astype(np.float32)))
    mean = np.mean(outputs, axis=0)
    rows = np.arange(30)
    assert shifted.mean.accuracy == pytest.approx((mean.argmax(axis=1) == dataset.y_test).mean())
    assert shifted.mean.negative_log_likelihood == pytest.approx(-np.log(mean[rows, dataset.y_test]).mean(), abs=1e-5)
    each = [-np.log(output[rows, dataset.y_test]).mean() for output in outputs]
    assert shifted.members.negative_log_likelihood == pytest.approx(np.mean(each), abs=1e-5)
    temperature = studied.evaluation.uncertainty.calibration.temperature
    powers = mean ** (1 / temperature)
    calibrated = powers / powers.sum(axis=1, keepdims=True)
    assert shifted.calibrated.negative_log_likelihood == pytest.approx(
        -np.log(calibrated[rows, dataset.y_test]).mean(), abs=1e-5
    )
    assert len(studied.shifted) == 35


def test_weights_that_give_nan_are_refused_with_the_member(resources, evaluated, strangers, monkeypatch):
    network = type(resources.engine.build(evaluated.architecture.resolve(input_shape=(4, 4, 1), classes=3)))
    monkeypatch.setattr(network, "outputs", lambda self, images: np.full((len(images), 3), np.nan, np.float32))

    with pytest.raises(CheckpointError, match="member 0 give NaN"):
        study_run(resources, evaluated, spec_of(evaluated), lambda: None)


@pytest.fixture
def place(store: RunStore, evaluated: RunSpec, settings: Settings, tmp_path: Path) -> Callable[..., StudySpec]:
    def go(**options) -> StudySpec:
        places = Places(keras_home=tmp_path, download=False)
        return place_study(store, evaluated, StudyRequest(**options), places, settings, "numpy")

    return go


def write_dataset(path: Path, dataset: Dataset, **changes) -> str:
    path.write_bytes(encode_dataset(dataclasses.replace(dataset, **changes)))
    return str(path)


def test_the_name_of_a_study_tells_what_it_looks_at(place, tmp_path, dataset):
    other = write_dataset(tmp_path / "Other Halves.npz", dataset, x_test=255 - dataset.x_test)

    assert place().name == "numpy"
    assert place(shifts=True, unseen=other).name == "numpy-other-halves-npz-shifts"
    assert place(dataset=other).name == "numpy-on-other-halves-npz"
    assert place(dataset=other, name="mine").name == "mine"


def test_a_name_means_one_study_only(place, store, evaluated):
    first = place(name="mine")

    assert place(name="mine") == first
    with pytest.raises(InputError, match=r"'mine' already, which looks at something else.*--name"):
        place(name="mine", shifts=True)
    for name in ("Mine", "", "a b", "x" * 65, "../x"):
        with pytest.raises(InputError, match="cannot be the name of a study"):
            check_name(name)
    check_name(None)


def test_another_data_set_of_the_same_classes_is_scored_with_the_calibration_of_the_run(
    place, resources, store, evaluated, tmp_path, dataset
):
    other = write_dataset(tmp_path / "other.npz", dataset, x_test=dataset.x_test[::-1], y_test=dataset.y_test[::-1])

    spec = place(dataset=other)
    studied = study_run(resources, evaluated, spec, lambda: None)

    first = store.evaluation(evaluated).result()
    assert studied.evaluation.test.loss == pytest.approx(first.test.loss, abs=1e-6)
    assert studied.evaluation.uncertainty.calibration == first.uncertainty.calibration
    assert np.array_equal(
        studied.probabilities.test[::-1],
        decode_ensemble_probabilities(store.evaluation(evaluated).probabilities(first.probabilities_sha256), "it").test,
    )
    assert {member.parity for member in studied.evaluation.members} == {None}


def test_test_images_that_the_run_was_trained_on_are_noticed(place, resources, store, evaluated, tmp_path, dataset):
    other = write_dataset(tmp_path / "other.npz", dataset, x_test=dataset.x_train[:30], y_test=dataset.y_train[:30])

    spec = place(dataset=other, name="leak")

    (finding,) = spec.dataset.findings
    assert finding.text.startswith("30 of 30 test images are training images, too")
    assert study_dataset(resources, evaluated, spec).findings == (finding,)
    assert study_dataset(resources, evaluated, place(name="own")).findings == dataset.findings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": ("a", "b", "c")}, "has the classes a, b, c, .*was trained on dark, left, right"),
        (
            {"x_test": np.zeros((30, 5, 5, 1), np.uint8), "x_train": np.zeros((60, 5, 5, 1), np.uint8)},
            r"are uint8 \[5, 5, 1\], .* take uint8 \[4, 4, 1\]",
        ),
    ],
)
def test_a_data_set_that_does_not_fit_is_refused(place, tmp_path, dataset, change, message):
    other = write_dataset(tmp_path / "other.npz", dataset, **change)

    with pytest.raises(InputError, match=message):
        place(dataset=other)


def test_a_run_on_scaled_image_files_is_evaluated_on_arrays_and_on_files_that_are_scaled_alike(
    store, settings, evaluated, tmp_path, dataset
):
    files = evaluated.dataset.model_copy(update={"files": ImageFiles(scaled=True)})
    scaled, places = evaluated.model_copy(update={"dataset": files}), Places(keras_home=tmp_path, download=False)
    pictures = write_classes(tmp_path / "pictures", classes=dataset.class_names)

    for other in (write_dataset(tmp_path / "other.npz", dataset), str(pictures)):
        spec = place_study(store, scaled, StudyRequest(dataset=other), places, settings, "numpy")
        assert spec.dataset.image_shape == (4, 4, 1)


def test_a_folder_without_a_test_scores_as_a_whole_and_may_lack_classes(place, resources, evaluated, tmp_path):
    pictures = write_classes(tmp_path / "pictures", classes=("right", "dark"), images=4)
    for path in pictures.rglob("*.png"):
        Image.open(path).convert("L").resize((4, 4)).save(path)

    spec = place(dataset=str(pictures))
    scored = study_dataset(resources, evaluated, spec)

    assert (spec.dataset.test_size, spec.dataset.class_names) == (8, evaluated.dataset.class_names)
    assert np.bincount(scored.y_test, minlength=3).tolist() == [4, 0, 4]
    assert [finding.kind for finding in spec.dataset.findings] == ["all_test"]


def test_unseen_images_may_be_all_files_below_a_folder(place, tmp_path):
    pictures = write_classes(tmp_path / "pictures", classes=("ships", "far/away"), images=3)
    (tmp_path / "empty").mkdir()

    assert place(unseen=str(pictures), fitting="resize", name="ood").unseen.images == 6
    with pytest.raises(InputError, match=r"ships/0\.png|away/0\.png"):
        place(unseen=str(pictures), name="as-they-are")
    with pytest.raises(DatasetError, match="empty holds no image files, nor do the folders in it"):
        place(unseen=str(tmp_path / "empty"))
    with pytest.raises(DatasetError, match="whose channels are known: leave out --ood-channels-first"):
        place(unseen=str(pictures), unseen_channels_first=True)


def test_unseen_images_of_another_shape_are_refused_or_fitted(place, store, tmp_path):
    np.savez(tmp_path / "colours.npz", images=np.full((5, 8, 8, 3), 7, np.uint8))

    with pytest.raises(InputError, match=r"8x8x3 .*take 4x4x1.*--fit resize"):
        place(unseen=str(tmp_path / "colours.npz"))
    assert place(unseen=str(tmp_path / "colours.npz"), fitting="resize").unseen.images == 5


def test_unseen_images_have_an_option_of_their_own_for_their_channels(place, tmp_path, dataset):
    other = write_dataset(tmp_path / "other.npz", dataset)
    np.savez(tmp_path / "first.npz", images=np.zeros((5, 3, 8, 9), np.uint8))

    with pytest.raises(DatasetError, match=r"images has the shape .*--ood-channels-first turns them"):
        place(dataset=other, images_channels_first=False, unseen=str(tmp_path / "first.npz"), fitting="resize")
    spec = place(unseen=str(tmp_path / "first.npz"), unseen_channels_first=True, fitting="resize")
    assert spec.unseen.images == 5


def test_an_extended_run_is_studied_under_another_name(store, evaluated, resources, tmp_path):
    places = Places(keras_home=tmp_path, download=False)
    extended = evaluated.model_copy(update={"extension": 2})

    names = [
        place_study(store, run, StudyRequest(), places, resources.settings, "jax").name for run in (evaluated, extended)
    ]

    assert names == ["jax", "jax-extension-2"]


def test_shifts_that_need_more_memory_than_there_is_are_refused(dataset, monkeypatch):
    memory = type("Memory", (), {"available": 1000})
    monkeypatch.setattr("deepchord.worker.studies.conditions.psutil.virtual_memory", lambda: memory)

    with pytest.raises(InputError, match=r"30 test images and 3 classes need .* leave --shift out"):
        ShiftCollector(dataset)


def test_only_a_run_that_has_ended_is_studied(store, run, resources, recorded):
    with pytest.raises(InputError, match="has not ended: 0 of 3 members have; `deepchord resume"):
        ended_version(store, run)
    recorded("ttf")
    attempt_evaluation(resources, run, lambda: None)
    assert ended_version(store, run) == run
    extended = run.model_copy(update={"members": 4, "extension": 1})
    store.extend_run(extended)
    assert ended_version(store, extended) == run


def test_a_run_without_any_trained_member_has_nothing_to_evaluate(resources, run, recorded):
    recorded("fff")

    with pytest.raises(InputError, match="no trained member"):
        study_run(resources, run, spec_of(run), lambda: None)


def test_the_command_that_repeats_an_evaluation_has_all_its_options():
    request = StudyRequest(
        name="mine",
        dataset="my data.npz",
        images_channels_first=True,
        unseen="digits",
        unseen_channels_first=False,
        fitting="resize",
        shifts=True,
    )
    end = "--images-channels-first --ood digits --ood-channels-last --fit resize --shift --name mine"

    assert evaluate_command(request, run="run-1") == f"deepchord evaluate run-1 --dataset 'my data.npz' {end}"
    weights = WeightPatterns(weights=("a", "b*"), architectures=(Path("n.toml"),), channels_first=True)
    assert evaluate_command(StudyRequest(dataset="fashion"), weights=weights) == (
        "deepchord evaluate --weights a --weights 'b*' --architecture n.toml --channels-first"
    )
    assert (
        evaluate_command(StudyRequest(dataset="fashion"), run="run-1") == "deepchord evaluate run-1 --dataset fashion"
    )


def test_images_are_fitted_to_the_networks_of_the_run(dataset):
    grey = Images(name="grey", pixels=np.full((2, 6, 6, 1), 100, np.uint8))

    assert fitted_images(grey, np.zeros((1, 6, 6, 1), np.uint8), "none") is grey
    fitted = fitted_images(grey, np.zeros((1, 4, 3, 3), np.uint8), "resize").pixels
    assert (fitted.shape, fitted.dtype, set(fitted.ravel())) == ((2, 4, 3, 3), np.uint8, {100})
