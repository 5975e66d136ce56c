"""Views of a run as JSON, for scripts: once, or one line each time that something has changed."""

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deepchord.coordinator.monitoring import RunView


def view_as_json(view: "RunView") -> dict[str, Any]:
    """Return all that a view shows, by the names that scripts ask for."""
    return {
        "run_id": view.run.run_id,
        **view.run.labels.model_dump(),
        "state": view.state,
        "members": view.run.members,
        "trained": view.trained,
        "share_done": round(view.share_done, 4),
        "elapsed_s": round(view.elapsed_s(), 1),
        "live": view.live,
        "ensemble_so_far": None if view.so_far is None else view.so_far.test_accuracy,
        "records": {index: record.member.model_dump(mode="json") for index, record in view.records.items()},
        "progress": {index: line.model_dump(mode="json") for index, line in view.progress.items()},
        "notes": dict(view.notes),
        "evaluation_note": view.evaluation_note,
        "unserved": view.stall_reason,
        "awaited_members": view.awaited_members,
        "evaluation": view.evaluation.model_dump(mode="json") if view.evaluation else None,
        "failure": view.failure.model_dump(mode="json") if view.failure else None,
    }


def print_views(views: "Iterable[RunView]") -> "RunView":
    """Print a line of JSON for each view in which more has changed than the time, and return the last view."""
    before: dict[str, Any] = {}
    for view in views:
        now = view_as_json(view)
        if {**now, "elapsed_s": 0} != {**before, "elapsed_s": 0}:
            typer.echo(json.dumps(now))
        before = now
    return view
