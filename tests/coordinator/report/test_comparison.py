"""Runs side by side."""

from deepchord.coordinator.report import compare_runs
from deepchord.coordinator.runs import extend_run, plan_extension
from tests.coordinator.housekeeping.examples import evaluated, submitted


def test_runs_differ_in_what_was_asked_for_and_in_nothing_else(store):
    runs = [
        evaluated(store, name="one"),
        evaluated(store, name="two", epochs=17),
        submitted(store, seed=2, class_weights="balanced"),
    ]

    comparison = compare_runs(store, runs)

    epochs = [run.recipe.epochs for run in runs]
    assert comparison.differences == {
        "name": ("one", "two", None),
        "seed": (1, 1, 2),
        "epochs": tuple(epochs),
        "class_weights": (None, None, "balanced"),
    }
    assert comparison.is_of_one_test
    assert comparison.scores == {
        "members trained": (2, 2, None),
        "test accuracy": (0.9, 0.9, None),
        "test loss": (0.5, 0.5, None),
        "average member's test accuracy": (0.9, 0.9, None),
    }
    assert comparison.seconds["training of all members"] == (0, 0, 0)
    assert comparison.seconds["training of a member"] == (0, 0, None)
    assert comparison.as_json()["runs"] == [run.run_id for run in runs]


def test_runs_of_other_data_are_not_of_one_test(store):
    comparison = compare_runs(store, [evaluated(store), evaluated(store, brightness=1)])

    assert not comparison.is_of_one_test
    assert list(comparison.differences) == ["dataset"]


def test_a_run_that_was_extended_is_compared_as_it_was_evaluated_last(store):
    run = evaluated(store)
    extended = extend_run(store, plan_extension(run, 3, None))

    (shown, _) = compare_runs(store, [extended, run]).runs

    assert shown.run == run


def test_networks_of_one_size_differ_all_the_same(store):
    run = submitted(store)
    (layers, dense) = run.architecture.layers
    other = run.architecture.model_copy(update={"layers": (layers, dense.model_copy(update={"name": "last"}))})

    differences = compare_runs(store, [run, run.model_copy(update={"architecture": other})]).differences

    (first, second) = differences["network"]
    assert first != second
    assert first.split("(")[0] == second.split("(")[0]
