"""Regressions from their members' training to the evaluation, with real storage and the engine in NumPy."""

import io

import numpy as np
import pytest

from deepchord.shared.checkpoints import decode_ensemble_predictions, decode_member_outputs
from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import CheckpointError, CorruptObjectError
from deepchord.shared.messages import MemberSeeds, MemberSpec, Recipe, RegressionEvaluation, RunSpec
from deepchord.shared.regression import normal_half_width, score_targets
from deepchord.worker.evaluation import Candidate, Evaluator, evaluate_regression
from deepchord.worker.resources import Resources
from deepchord.worker.training import member_split
from tests.numpy_engine import NumpyEngine
from tests.worker.made_numbers import LINEAR, TARGETS, evaluated_numbers, number_run, numbers


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return numbers()


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(optimizer="sgd", learning_rate=0.3, batch_size=32, epochs=15, validation_fraction=0.2, patience=30)


@pytest.fixture
def run(resources: Resources, dataset: Dataset, recipe: Recipe) -> RunSpec:
    return number_run(resources, dataset, recipe)


@pytest.fixture
def evaluated(resources: Resources, run: RunSpec) -> RegressionEvaluation:
    return evaluated_numbers(resources, run)


def test_members_learn_numbers_and_the_ensemble_tells_them_in_their_units(
    evaluated: RegressionEvaluation, dataset: Dataset
):
    price, weight = evaluated.test

    assert [target.name for target in dataset.targets] == list(TARGETS)
    # The noise has a deviation of 10 and of 0.01.
    assert 9 < price.root_mean_squared_error < 13
    assert 0.009 < weight.root_mean_squared_error < 0.013
    assert price.r_squared > 0.85
    assert weight.r_squared > 0.75
    assert price.negative_log_likelihood == pytest.approx(0.5 * np.log(2 * np.pi * np.e) + np.log(10), abs=0.3)
    assert weight.negative_log_likelihood < 0  # in nats of a small unit
    assert len(evaluated.members) == 7
    assert {member.parity for member in evaluated.members} == {0.0}


def test_what_is_reported_follows_from_what_is_stored(
    evaluated: RegressionEvaluation, resources: Resources, run: RunSpec, dataset: Dataset
):
    data = resources.store.evaluation(run).predictions(evaluated.predictions_sha256)
    stored = decode_ensemble_predictions(data, "stored")

    assert score_targets(stored.test, dataset.y_test) == evaluated.test
    assert score_targets(stored.train, dataset.y_train) == evaluated.train
    assert score_targets(stored.test.scaled(evaluated.scaling.factors), dataset.y_test) == evaluated.scaled_test
    deviations = np.abs(dataset.y_test - stored.test.mean) / stored.test.standard_deviation
    for intervals in evaluated.intervals:
        covered = [(deviations[:, at] <= width).mean() for at, width in enumerate(intervals.half_widths)]
        assert covered == list(intervals.coverage)
    with np.load(io.BytesIO(data)) as arrays:
        assert sorted(arrays) == sorted(
            f"{part}_{name}"
            for part in ("train", "test")
            for name in ("mean", "aleatoric_variance", "epistemic_variance")
        )


def test_intervals_hold_about_as_many_test_rows_as_they_promise(evaluated: RegressionEvaluation):
    methods = [(intervals.method, intervals.level) for intervals in evaluated.intervals]
    assert methods == [
        (method, level) for method in ("predicted", "scaled", "conformal") for level in (0.5, 0.8, 0.9, 0.95)
    ]
    for intervals in evaluated.intervals:
        assert intervals.is_approximate == (intervals.method == "conformal")
        for covered in intervals.coverage:
            assert covered == pytest.approx(intervals.level, abs=0.15)


def test_rows_that_members_held_out_decide_the_scaling(evaluated: RegressionEvaluation):
    scaling = evaluated.scaling

    assert scaling.source == "out_of_bag"
    # Seven members hold out a fifth each: two fifths of the rows are held out by two members.
    assert scaling.rows == 128
    assert scaling.members_per_row == 2.0
    assert all(0.5 < factor < 1.5 for factor in scaling.factors)
    assert len(evaluated.by_size) > 3
    gain = evaluated.next_member
    assert (gain.rows, gain.members_per_row) == (128, 2.0)
    assert 0 <= gain.fall < 0.1
    without = evaluated.model_copy(update={"next_member": None})
    assert b"next_member" not in without.encode()
    losses = [size.negative_log_likelihood for size in evaluated.by_size]
    assert losses[-1] < losses[0]


def test_a_record_of_numbers_is_read_back_as_it_was_written(evaluated: RegressionEvaluation):
    data = evaluated.encode()

    assert RegressionEvaluation.decode(data, "evaluation") == evaluated
    assert data.startswith(b'{\n "task": "regression"')


def candidates_of(engine: NumpyEngine, dataset: Dataset, outputs: list[list[float]]) -> list[Candidate]:
    """Members that say the same of every row."""
    network = LINEAR.resolve(input_shape=dataset.x_train.shape[1:], targets=2)

    def weights(row: list[float]):
        return ((np.zeros((3, 4), np.float32), np.array(row, np.float32)),)

    return [
        Candidate(index=at, network=network, weights=lambda row=row: weights(row)) for at, row in enumerate(outputs)
    ]


def test_without_held_out_rows_nothing_is_scaled(engine: NumpyEngine, trainer, dataset: Dataset):
    evaluator = Evaluator(engine=engine, trainer=trainer)

    found = evaluate_regression(evaluator, dataset, candidates_of(engine, dataset, [[0, 0, 0, 0]]), 3).evaluation

    assert found.scaling is None
    assert found.scaled_test == ()
    assert {intervals.method for intervals in found.intervals} == {"predicted"}
    assert found.intervals[0].half_widths == (normal_half_width(0.5),) * 2
    assert (found.requested, found.trained, found.by_size) == (3, 1, ())


@pytest.mark.parametrize("row", [[0, 0, 80, 80], [1e4, 1e4, -80, -80], [0, 0, -1e30, -1e30]])
def test_members_that_are_far_off_or_too_certain_leave_finite_numbers(
    engine: NumpyEngine, trainer, dataset: Dataset, row: list[float]
):
    evaluator = Evaluator(engine=engine, trainer=trainer)
    calibration_rows = np.arange(5)

    found = evaluate_regression(
        evaluator, dataset, candidates_of(engine, dataset, [row, row]), 2, calibration_rows
    ).evaluation

    assert RegressionEvaluation.decode(found.encode(), "evaluation") == found
    assert found.scaling.source == "calibration_images"
    widest = next(each for each in found.intervals if each.method == "conformal" and each.level == 0.95)
    assert widest.half_widths == (None, None)  # five rows are too few for a bound
    assert widest.coverage == (1.0, 1.0)


def test_weights_that_give_nan_are_named(engine: NumpyEngine, trainer, dataset: Dataset):
    evaluator = Evaluator(engine=engine, trainer=trainer)

    with pytest.raises(CheckpointError, match="weights of member 0 give NaN instead of numbers"):
        evaluate_regression(evaluator, dataset, candidates_of(engine, dataset, [[np.nan, 0, 0, 0]]), 1)


def test_a_member_stores_its_outputs_for_the_test(evaluated: RegressionEvaluation, resources: Resources, run: RunSpec):
    record = resources.store.member(run.run_id, 0).record()
    data = resources.store.member(run.run_id, 0).probabilities(1, record.member.probabilities_sha256)

    assert decode_member_outputs(data, "outputs").shape == (80, 4)
    last = record.member.history[-1]
    assert last.train_accuracy is None
    assert 0 < last.validation_error < 1
    best = min(range(len(record.member.history)), key=lambda at: record.member.history[at].validation_loss)
    assert record.member.best_epoch == best + 1
    assert b"accuracy" not in record.encode()


def test_a_damaged_file_of_predictions_is_named(evaluated: RegressionEvaluation):
    del evaluated
    data = io.BytesIO()
    np.savez(data, train_mean=np.zeros((2, 1)))

    with pytest.raises(CorruptObjectError, match="lacks train_aleatoric_variance"):
        decode_ensemble_predictions(data.getvalue(), "the file")


def test_the_split_of_numbers_needs_no_classes(run: RunSpec, dataset: Dataset):
    spec = MemberSpec(run_id=run.run_id, index=0, seeds=MemberSeeds(split=1, initialization=2, shuffling=3, dropout=4))

    split = member_split(run, spec, dataset.y_train)

    assert len(split.training) + len(split.validation) == len(dataset.y_train)
