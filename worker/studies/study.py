"""Studies an ensemble: evaluates it, and looks at unseen and shifted images in the same pass over the members."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import (
    EnsembleProbabilities,
    decode_ensemble_predictions,
    decode_ensemble_probabilities,
    encode_ensemble_probabilities,
)
from deepchord.shared.datasets import Dataset, load_dataset, load_images
from deepchord.shared.errors import InputError
from deepchord.shared.messages import (
    Calibration,
    EnsembleEvaluation,
    RegressionStudy,
    RunSpec,
    ShiftedScores,
    Study,
    StudySpec,
    UnseenScores,
)
from deepchord.shared.storage import RunStore
from deepchord.worker.evaluation import (
    Candidate,
    Evaluator,
    Predict,
    evaluate_members,
    run_candidates,
    trained_members,
)
from deepchord.worker.resources import Resources
from deepchord.worker.studies.conditions import Conditions, ShiftCollector, UnseenCollector
from deepchord.worker.studies.regression import StudiedRegression, study_regression
from deepchord.worker.training import calibration_images, member_split


@dataclass(frozen=True, kw_only=True, eq=False)
class StudiedEnsemble:
    """What was found out about an ensemble."""

    evaluation: EnsembleEvaluation
    probabilities: EnsembleProbabilities
    #: `probabilities` as the bytes of an `.npz` for storage; `evaluation.probabilities_sha256` is their SHA-256.
    encoded_probabilities: bytes
    unseen: UnseenScores | None = None
    shifted: tuple[ShiftedScores, ...] = ()


def study_members(
    evaluator: Evaluator,
    dataset: Dataset,
    candidates: Iterable[Candidate],
    requested: int,
    conditions: Conditions,
    calibration_images: NDArray[np.int64] | None = None,
) -> StudiedEnsemble:
    """Evaluate an ensemble, and look at all that the conditions ask for; see `evaluate_members`."""
    unseen = UnseenCollector(conditions.unseen, len(dataset.class_names)) if conditions.unseen is not None else None
    shifts = ShiftCollector(dataset) if conditions.shifts else None

    def observe(index: int, on_test: NDArray[np.float32], predict: Predict) -> None:
        if unseen is not None:
            unseen.add(index, on_test, predict)
        if shifts is not None:
            shifts.add(predict)

    ensemble = evaluate_members(evaluator, dataset, candidates, requested, calibration_images, observe)
    evaluation, probabilities, encoded = ensemble.evaluation, ensemble.probabilities, ensemble.encoded_probabilities
    unseen_scores = None
    if unseen is not None and probabilities.test_uncertainty is not None:
        unseen_scores = unseen.scores(probabilities.test_uncertainty)
        probabilities = dataclasses.replace(probabilities, unseen=unseen.mean(), unseen_uncertainty=unseen.measures())
        encoded = encode_ensemble_probabilities(probabilities)
        sha256 = hashlib.sha256(encoded).hexdigest()
        evaluation = evaluation.model_copy(update={"probabilities_sha256": sha256})
    return StudiedEnsemble(
        evaluation=evaluation,
        probabilities=probabilities,
        encoded_probabilities=encoded,
        unseen=unseen_scores,
        shifted=tuple(shifts.scores(_calibration(evaluation))) if shifts is not None else (),
    )


def study_run(
    resources: Resources, run: RunSpec, spec: StudySpec, advance: Callable[[], None]
) -> StudiedEnsemble | StudiedRegression:
    """Study the trained members of a run.

    Args:
        resources: Engine and storage of this process.
        run: The run, as it was extended when the study was asked for.
        spec: What is looked at; its data are in storage.
        advance: Called when a step has ended; may raise.

    Raises:
        InputError: No member was trained.
        CheckpointError: A member's weights give NaN instead of probabilities or numbers.
        StorageError: Something is missing in storage, or it does not answer.
    """
    store = resources.store
    trained = trained_members(store, run, advance)
    if not trained:
        raise InputError(f"Run {run.run_id} has no trained member: there is nothing to evaluate.")
    dataset = study_dataset(resources, run, spec, advance)
    unseen = None if spec.unseen is None else load_images(spec.unseen, store)
    evaluator = Evaluator(
        engine=resources.engine,
        trainer=resources.trainer,
        threads=resources.evaluation_threads(),
        advance=advance,
    )
    labels = dataset.y_train
    candidates = run_candidates(store, run, trained, lambda member: member_split(run, member, labels).validation)
    if spec.dataset is not None:
        # The test probabilities that the members stored are of other images.
        candidates = (dataclasses.replace(candidate, own_outputs=None) for candidate in candidates)
    conditions, held_out = Conditions(unseen=unseen, shifts=spec.shifts), calibration_images(run, labels)
    if run.dataset.targets:
        return study_regression(evaluator, dataset, candidates, run.members, conditions, held_out)
    return study_members(evaluator, dataset, candidates, run.members, conditions, held_out)


def study_dataset(
    resources: Resources, run: RunSpec, spec: StudySpec, advance: Callable[[], None] = lambda: None
) -> Dataset:
    """Return the data set of a run, with the test images that a study looks at.

    Calibration and out-of-bag images stay those that the members were trained around.
    """
    dataset = resources.dataset(run.dataset, advance)
    if spec.dataset is None:
        return dataset
    other = load_dataset(spec.dataset, resources.store, resources.settings.cache, advance)
    return dataclasses.replace(
        dataset, name=other.name, x_test=other.x_test, y_test=other.y_test, findings=other.findings
    )


def commit_study(store: RunStore, spec: StudySpec, studied: StudiedEnsemble | StudiedRegression) -> bool:
    """Commit the result of a study of a run; return False if it has ended before."""
    stored = store.study(spec.run_id, spec.name)
    if isinstance(studied, StudiedRegression):
        of_numbers = RegressionStudy(
            spec=spec, evaluation=studied.evaluation, unseen=studied.unseen, shifted=studied.shifted
        )
        return stored.commit_result(of_numbers, studied.encoded_predictions)
    study = Study(spec=spec, evaluation=studied.evaluation, unseen=studied.unseen, shifted=studied.shifted)
    return stored.commit_result(study, studied.encoded_probabilities)


def stored_study(store: RunStore, spec: StudySpec) -> StudiedEnsemble | StudiedRegression | None:
    """Return the committed result of a study with all its arrays; None if there is none yet.

    Raises:
        StorageError: Something is missing in storage or damaged, or it does not answer.
    """
    stored = store.study(spec.run_id, spec.name)
    study = stored.result()
    if study is None:
        return None
    if isinstance(study, RegressionStudy):
        data = stored.predictions(study.evaluation.predictions_sha256)
        return StudiedRegression(
            evaluation=study.evaluation,
            predictions=decode_ensemble_predictions(data, f"Predictions of study {spec.name}"),
            encoded_predictions=data,
            unseen=study.unseen,
            shifted=study.shifted,
        )
    data = stored.probabilities(study.evaluation.probabilities_sha256)
    return StudiedEnsemble(
        evaluation=study.evaluation,
        probabilities=decode_ensemble_probabilities(data, f"Probabilities of study {spec.name}"),
        encoded_probabilities=data,
        unseen=study.unseen,
        shifted=study.shifted,
    )


def _calibration(evaluation: EnsembleEvaluation) -> Calibration | None:
    return None if evaluation.uncertainty is None else evaluation.uncertainty.calibration
