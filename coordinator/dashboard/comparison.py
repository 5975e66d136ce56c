"""Two or more runs side by side: what their recipes have different, their scores, curves and calibration."""

from collections.abc import Sequence
from typing import Any

from deepchord.coordinator.dashboard.details import curves, plan, reliability, scores
from deepchord.coordinator.monitoring import RunView, RunWatcher
from deepchord.shared.errors import InputError
from deepchord.shared.storage import RunStore

#: More columns than this do not fit, and nobody compares them.
MOST_RUNS = 6


def compare_runs(store: RunStore, run_ids: Sequence[str]) -> dict[str, Any]:
    """Return runs side by side.

    Raises:
        InputError: Too few runs were asked for, or too many.
        RunNotFoundError: One is not there.
        StorageError: Storage does not answer.
    """
    if not 2 <= len(set(run_ids)) <= MOST_RUNS or len(set(run_ids)) != len(run_ids):
        raise InputError(f"Expected 2 to {MOST_RUNS} different runs to compare, found {len(run_ids)}: choose others.")
    views = [RunWatcher(store, store.run(run_id)).look() for run_id in run_ids]
    return {
        "runs": [_column(view) for view in views],
        "differences": differences([plan(view.run) for view in views]),
    }


def differences(plans: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is not the same in all plans, by name in the order of the first; None where a plan lacks it."""
    names = dict.fromkeys(name for each in plans for name in each)
    rows = ({"name": name, "values": [each.get(name) for each in plans]} for name in names)
    return [row for row in rows if any(value != row["values"][0] for value in row["values"])]


def _column(view: RunView) -> dict[str, Any]:
    return {
        "run_id": view.run.run_id,
        "state": view.state,
        "trained": view.trained,
        "members": view.run.members,
        "scores": {} if view.evaluation is None else scores(view.run, view.evaluation),
        "curves": curves(view, {}),
        "reliability": reliability(view.evaluation),
    }
