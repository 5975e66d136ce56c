import pytest

from deepchord.coordinator.dashboard.comparison import compare_runs, differences
from deepchord.shared.errors import InputError, RunNotFoundError
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from tests.coordinator.dashboard.example_runs import REAL


def test_what_is_the_same_in_all_plans_is_no_difference():
    plans = [{"a": 1, "b": [1], "c": None}, {"a": 1, "b": [2]}, {"a": 1, "b": [1], "d": 3}]

    assert differences(plans) == [{"name": "b", "values": [[1], [2], [1]]}, {"name": "d", "values": [None, None, 3]}]


def test_runs_stand_side_by_side_with_scores_curves_and_what_their_recipes_have_different(storage):
    store = RunStore.open(Settings(storage=str(storage)))
    first, second = [name for name in store.run_folders() if name.startswith("20260504")][:2]

    found = compare_runs(store, [first, second, REAL])

    changed = {row["name"]: row["values"] for row in found["differences"]}
    assert changed["batch_size"][:2] == [32, 64]
    assert "momentum" not in changed
    assert [run["run_id"] for run in found["runs"]] == [first, second, REAL]
    assert found["runs"][0]["scores"]["Test accuracy"] == 0.9
    assert all(len(run["curves"]["members"]) == 2 for run in found["runs"])


@pytest.mark.parametrize("runs", [[], [REAL], [REAL, REAL], [REAL] * 7], ids=["none", "one", "twice", "seven"])
def test_too_few_or_too_many_runs_are_refused(storage, runs):
    store = RunStore.open(Settings(storage=str(storage)))

    with pytest.raises(InputError, match="Expected 2 to 6 different runs to compare"):
        compare_runs(store, runs)
    with pytest.raises(RunNotFoundError):
        compare_runs(store, [REAL, "../escape"])
