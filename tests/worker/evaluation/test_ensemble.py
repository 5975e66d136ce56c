import io
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from deepchord.shared.checkpoints import Weights, decode_ensemble_probabilities, encode_checkpoint
from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import CheckpointError, CorruptObjectError
from deepchord.shared.messages import MemberSpec, RunSpec, Trainer
from deepchord.shared.network import Architecture, ResolvedArchitecture
from deepchord.shared.storage import RunStore
from deepchord.shared.uncertainty import fit_temperature, with_temperature
from deepchord.worker.engines import Engine
from deepchord.worker.evaluation import Candidate, Evaluator, evaluate_members, predict, run_candidates, score
from deepchord.worker.evaluation.ensemble import EvaluatedEnsemble
from deepchord.worker.evaluation.metrics import confusion, misclassified
from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member
from deepchord.worker.training import Observer, calibration_images, initial_weights, member_split

SEEDS = (3, 4, 5)


@pytest.fixture
def all_weights(architecture: Architecture) -> list[Weights]:
    resolved = resolve(architecture)
    return [initial_weights(resolved, seed) for seed in SEEDS]


def resolve(architecture: Architecture) -> ResolvedArchitecture:
    return architecture.resolve(input_shape=(4, 4, 1), classes=3)


def on(images: NDArray, engine: Engine, architecture: Architecture, weights: Weights) -> NDArray[np.float32]:
    network = engine.build(resolve(architecture))
    network.set_weights(weights)
    return predict(network, images, 3)


@pytest.fixture
def evaluated(
    engine: Engine, trainer: Trainer, architecture: Architecture, dataset: Dataset, all_weights: list[Weights]
) -> EvaluatedEnsemble:
    candidates = [
        Candidate(index=2 * at, network=resolve(architecture), weights=lambda at=at: all_weights[at]) for at in range(3)
    ]
    return evaluate_members(Evaluator(engine=engine, trainer=trainer), dataset, candidates, 5)


def test_an_ensemble_is_scored_by_the_mean_of_its_members_probabilities(
    evaluated: EvaluatedEnsemble,
    engine: Engine,
    architecture: Architecture,
    dataset: Dataset,
    all_weights: list[Weights],
):
    train = np.mean([on(dataset.x_train, engine, architecture, weights) for weights in all_weights], axis=0)
    test = np.mean([on(dataset.x_test, engine, architecture, weights) for weights in all_weights], axis=0)

    np.testing.assert_allclose(evaluated.probabilities.test, test, atol=1e-6)
    found = evaluated.evaluation
    assert found.train.loss == pytest.approx(score(train, dataset.y_train).loss, abs=1e-6)
    assert found.test.loss == pytest.approx(score(test, dataset.y_test).loss, abs=1e-6)
    assert found.test.accuracy == score(test, dataset.y_test).accuracy
    assert found.confusion == tuple(map(tuple, confusion(test, dataset.y_test).tolist()))
    assert [item.test_index for item in found.misclassified] == [
        item.test_index for item in misclassified(test, dataset.y_test)
    ]


def test_each_member_is_scored_alone_with_its_own_index(
    evaluated: EvaluatedEnsemble,
    engine: Engine,
    architecture: Architecture,
    dataset: Dataset,
    all_weights: list[Weights],
):
    found = evaluated.evaluation.members

    assert [member.index for member in found] == [0, 2, 4]
    for member, weights in zip(found, all_weights, strict=True):
        alone = on(dataset.x_test, engine, architecture, weights)
        assert member.test == score(alone, dataset.y_test)
        assert member.train == score(on(dataset.x_train, engine, architecture, weights), dataset.y_train)


def test_a_member_that_names_one_class_only_is_told_from_others(
    engine: Engine, trainer: Trainer, architecture: Architecture, dataset: Dataset, all_weights: list[Weights]
):
    *before, (kernel, bias) = all_weights[0]
    constant = (*before, (kernel, bias + np.array([0, 1e4, 0], np.float32)))
    candidates = [
        Candidate(index=at, network=resolve(architecture), weights=lambda w=w: w)
        for at, w in enumerate((constant, all_weights[1]))
    ]

    first, second = evaluate_members(
        Evaluator(engine=engine, trainer=trainer), dataset, candidates, 2
    ).evaluation.members

    assert first.predicted_classes == 1
    named = on(dataset.x_test, engine, architecture, all_weights[1]).argmax(axis=1)
    assert second.predicted_classes == len(set(named)) > 1


def test_the_evaluation_says_how_many_were_asked_for_how_many_trained_and_who_evaluated(
    evaluated: EvaluatedEnsemble, trainer: Trainer
):
    assert evaluated.evaluation.requested == 5
    assert evaluated.evaluation.trained == 3
    assert evaluated.evaluation.evaluator == trainer


def test_the_probabilities_are_kept_as_arrays_under_their_sha256(evaluated: EvaluatedEnsemble, dataset: Dataset):
    with np.load(io.BytesIO(evaluated.encoded_probabilities), allow_pickle=False) as stored:
        measures = ["confidence", "disagreement", "expected_entropy", "mutual_information", "predictive_entropy"]
        names = {"test", "test_predictions", *(f"test_{measure}" for measure in measures), "train"}
        assert set(stored.files) == names
        np.testing.assert_array_equal(stored["test"], evaluated.probabilities.test)
        assert stored["train"].shape == (len(dataset.x_train), 3)
        assert stored["train"].dtype == np.float32


def test_one_members_weights_are_in_memory_at_a_time(
    engine: Engine, trainer: Trainer, architecture: Architecture, dataset: Dataset, all_weights: list[Weights]
):
    told: list[str] = []

    class TellingNetwork:
        def __init__(self) -> None:
            self._network = engine.build(resolve(architecture))

        def set_weights(self, weights: Weights) -> None:
            told.append("set")
            self._network.set_weights(weights)

        def outputs(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
            told.append("predict")
            return self._network.outputs(images)

    class TellingEngine:
        def build(self, architecture: object) -> TellingNetwork:
            told.append("build")
            return TellingNetwork()

    def read(at: int) -> Weights:
        told.append(f"read {at}")
        return all_weights[at]

    def own(at: int) -> NDArray[np.float32]:
        told.append(f"own {at}")
        return np.full((30, 3), 1 / 3, np.float32)

    def candidates() -> object:
        for at in range(2):
            told.append(f"take {at}")
            yield Candidate(
                index=at,
                network=resolve(architecture),
                weights=lambda at=at: read(at),
                own_outputs=lambda at=at: own(at),
            )

    evaluate_members(Evaluator(engine=TellingEngine(), trainer=trainer), dataset, candidates(), 2)

    first = ["take 0", "build", "read 0", "set", "predict", "predict", "own 0"]
    assert told == [*first, "take 1", "read 1", "set", "predict", "predict", "own 1"]


def test_parity_is_the_largest_difference_to_the_members_own_outputs(
    engine: Engine, trainer: Trainer, architecture: Architecture, dataset: Dataset, all_weights: list[Weights]
):
    exact = on(dataset.x_test, engine, architecture, all_weights[0])
    off = exact.copy()
    off[7, 1] += 0.25
    own = [None, lambda: exact, lambda: off, lambda: exact + 7]
    candidates = [
        Candidate(index=at, network=resolve(architecture), weights=lambda: all_weights[0], own_outputs=each)
        for at, each in enumerate(own)
    ]

    found = evaluate_members(Evaluator(engine=engine, trainer=trainer), dataset, candidates, 4).evaluation.members

    assert [member.parity for member in found] == [None, 0.0, pytest.approx(0.25), 1.0]


def test_weights_that_give_no_probabilities_are_named(
    engine: Engine, trainer: Trainer, architecture: Architecture, dataset: Dataset, all_weights: list[Weights]
):
    ((kernel, bias),) = all_weights[1]
    exploding = ((np.full_like(kernel, 3e38), bias),)
    candidates = [
        Candidate(index=0, network=resolve(architecture), weights=lambda: all_weights[0]),
        Candidate(index=1, network=resolve(architecture), weights=lambda: exploding),
    ]

    with np.errstate(all="ignore"), pytest.raises(CheckpointError, match="weights of member 1 give NaN"):
        evaluate_members(Evaluator(engine=engine, trainer=trainer), dataset, candidates, 2)


def validation_images(run: RunSpec, dataset: Dataset) -> Callable[[MemberSpec], NDArray[np.int64]]:
    return lambda member: member_split(run, member, dataset.y_train).validation


@pytest.fixture
def trained(resources: object, run: RunSpec, members: tuple[MemberSpec, ...]) -> list:
    return [
        attempt_member(resources, run, spec, BegunAttempt(number=1), Observer(), lambda line: None).member
        for spec in members
    ]


def test_the_members_of_a_run_are_read_from_storage_when_it_is_their_turn(
    store: RunStore, run: RunSpec, trained: list, engine: Engine, trainer: Trainer, dataset: Dataset
):
    candidates = run_candidates(store, run, trained, validation_images(run, dataset))

    found = evaluate_members(Evaluator(engine=engine, trainer=trainer), dataset, candidates, 3).evaluation

    assert [member.index for member in found.members] == [0, 1, 2]
    assert max(member.parity for member in found.members) < 1e-6


def test_weights_in_storage_that_are_not_those_of_the_record_are_refused(
    store: RunStore, run: RunSpec, trained: list, engine: Engine, trainer: Trainer, dataset: Dataset
):
    resolved = run.architecture.resolve(input_shape=(4, 4, 1), classes=3)
    store.member(run.run_id, 1).publish_weights(1, encode_checkpoint(resolved, initial_weights(resolved, 99)))

    with pytest.raises(CorruptObjectError, match="members/001"):
        evaluate_members(
            Evaluator(engine=engine, trainer=trainer),
            dataset,
            run_candidates(store, run, trained, validation_images(run, dataset)),
            3,
        )


def test_probabilities_of_a_member_that_were_lost_cost_its_parity_only(
    store: RunStore, run: RunSpec, trained: list, engine: Engine, trainer: Trainer, dataset: Dataset
):
    store.member(run.run_id, 2).publish_probabilities(1, b"something else")

    ensemble = evaluate_members(
        Evaluator(engine=engine, trainer=trainer),
        dataset,
        run_candidates(store, run, trained, validation_images(run, dataset)),
        3,
    )

    assert [member.parity is None for member in ensemble.evaluation.members] == [False, False, True]


def test_a_run_is_calibrated_on_the_images_that_its_members_held_out(
    store: RunStore, run: RunSpec, trained: list, engine: Engine, trainer: Trainer, dataset: Dataset
):
    candidates = run_candidates(store, run, trained, validation_images(run, dataset))

    found = evaluate_members(Evaluator(engine=engine, trainer=trainer), dataset, candidates, 3)

    uncertainty = found.evaluation.uncertainty
    held_out = np.concatenate([validation_images(run, dataset)(member.spec) for member in trained])
    assert uncertainty.calibration.source == "out_of_bag"
    assert uncertainty.calibration.images == len(set(held_out))
    assert uncertainty.calibration.members_per_image == pytest.approx(len(held_out) / len(set(held_out)))
    assert [member.index for member in uncertainty.members] == [0, 1, 2]
    assert uncertainty.mean.negative_log_likelihood.value == pytest.approx(found.evaluation.test.loss, abs=1e-6)
    assert uncertainty.calibrated.accuracy == uncertainty.mean.accuracy
    np.testing.assert_array_equal(
        found.probabilities.calibrated_test,
        with_temperature(found.probabilities.test, uncertainty.calibration.temperature),
    )
    assert decode_ensemble_probabilities(found.encoded_probabilities, "it").calibrated_test is not None


def test_images_that_no_member_was_trained_on_calibrate_a_run_that_has_them(
    store: RunStore, run: RunSpec, trained: list, engine: Engine, trainer: Trainer, dataset: Dataset
):
    run = run.model_copy(update={"recipe": run.recipe.model_copy(update={"calibration_fraction": 0.5})})
    images = calibration_images(run, dataset.y_train)
    candidates = run_candidates(store, run, trained, validation_images(run, dataset))

    found = evaluate_members(
        Evaluator(engine=engine, trainer=trainer), dataset, candidates, 3, calibration_images=images
    )

    calibration = found.evaluation.uncertainty.calibration
    assert (calibration.source, calibration.images, calibration.members_per_image) == ("calibration_images", 30, 3)
    expected = fit_temperature(found.probabilities.train[images], dataset.y_train[images])
    assert calibration.temperature == calibration.fitted_temperature == pytest.approx(expected)
    assert not any(sets.is_approximate for sets in found.evaluation.uncertainty.conformal)


def test_weights_whose_splits_are_not_known_are_scored_but_not_calibrated(evaluated: EvaluatedEnsemble):
    uncertainty = evaluated.evaluation.uncertainty

    assert uncertainty.calibration is uncertainty.calibrated is evaluated.probabilities.calibrated_test is None
    assert uncertainty.conformal == ()
    assert uncertainty.selective.source == "test_images"
    assert len(uncertainty.selective.abstentions) == 4
