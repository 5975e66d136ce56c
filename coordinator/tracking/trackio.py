"""Trackio on this machine: a run there for each member, and for each evaluation, in a group called as our run.

Trackio prints, keeps threads, and writes point by point. So it does that in a process of its own, one at a time on this
machine, under a name that is changed when a run is complete.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import platformdirs

from deepchord.coordinator.tracking.tracker import End, OpenRun
from deepchord.coordinator.tracking.values import Point
from deepchord.shared.errors import TrackerError
from deepchord.shared.files import waiting_lock
from deepchord.shared.messages import RunSpec
from deepchord.shared.process import run_function

#: It needs seconds; more is a disk or a lock that hangs.
_WITHIN_S = 120.0


class Trackio:
    """A project of Trackio, in its folder on this machine."""

    def __init__(self, project: str) -> None:
        self._project = project
        #: What this process has written, or found written.
        self._names: set[str] = set()

    @property
    def label(self) -> str:
        """What it is called in logs and messages."""
        return f"Trackio's project {self._project}"

    def open(self, run: RunSpec) -> OpenRun:
        """Return a run; what is there of it is found when something is written."""
        return _Group(self._project, run.run_id, self._names)


class _Group:
    """The runs of Trackio that belong to one of ours; their names are its id and that of a part."""

    def __init__(self, project: str, run_id: str, names: set[str]) -> None:
        self._project = project
        self._run_id = run_id
        self._names = names
        self._parameters: Mapping[str, Any] = {}
        #: What is kept back: starting Trackio takes longer than writing.
        self._kept: list[dict[str, Any]] = []

    def has(self, group: str, part: str) -> bool:  # noqa: ARG002  the names of parts are unique
        """Return whether this process knows that the run of a part is there; parameters belong to each of them."""
        return f"{self._run_id} {part}" in self._names

    def write_parameters(self, part: str, values: Mapping[str, str | int | float | bool], at: datetime) -> None:  # noqa: ARG002  see above
        """Remember the parameters for the runs that are written next."""
        self._parameters = dict(values)

    def write_points(self, group: str, part: str, points: Sequence[Point]) -> None:  # noqa: ARG002  see above
        """Keep a run with these points back."""
        self._keep(part, points=[{"step": point.step, "values": dict(point.values)} for point in points])

    def write_report(self, part: str, folder: Path, at: datetime) -> None:  # noqa: ARG002  Trackio takes its own time
        """Write a run with the report's figures, and what was kept back."""
        self._keep(part, figures=[str(path) for path in sorted((folder / "figures").glob("*.png"))])
        self.close()

    def end(self, end: End, at: datetime) -> None:
        """Do nothing: Trackio knows of no end."""

    def close(self) -> None:
        """Write what was kept back, unless it is there."""
        if not self._kept:
            return
        with tempfile.TemporaryDirectory(prefix="deepchord-trackio-") as folder:
            path = Path(folder) / "runs.json"
            path.write_text(json.dumps(self._kept), encoding="utf-8")
            ended = run_function(write, self._project, str(path), environment=None, within_s=_WITHIN_S)
        if ended.code != 0:
            why = "it took too long" if ended.code is None else ended.last_error or f"exit code {ended.code}"
            raise TrackerError(f"Trackio's project {self._project} cannot be used: {why.rstrip('.')}.")
        self._names.update(run["name"] for run in self._kept)
        self._kept.clear()

    def _keep(self, part: str, **content: Any) -> None:
        name = f"{self._run_id} {part}"
        self._kept.append({"name": name, "group": self._run_id, "config": self._parameters, **content})


def write(project: str, path: str) -> None:
    """Write runs in a process of its own, except those that are there.

    Args:
        project: The project of Trackio.
        path: A file with the runs, JSON.
    """
    folder = Path(platformdirs.user_state_dir("deepchord", False))
    folder.mkdir(parents=True, exist_ok=True)
    with waiting_lock(folder / "trackio.lock", lambda: None):
        for run in json.loads(Path(path).read_text(encoding="utf-8")):
            if run["name"] not in _runs(project):
                _write(project, run)


def _write(project: str, content: Mapping[str, Any]) -> None:
    import trackio

    aside = f"{content['name']} (being written, {os.getpid()})"
    run = trackio.init(
        project,
        name=aside,
        group=content["group"],
        config=content["config"],
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
    )
    for point in content.get("points", ()):
        run.log(point["values"], step=point["step"])
    for figure in content.get("figures", ()):
        run.log({f"report/{Path(figure).stem}": trackio.Image(figure)}, step=0)
    trackio.finish()
    _runs(project)[aside].rename(content["name"])


def _runs(project: str) -> dict[str, Any]:
    """Return the runs of a project by their names."""
    import trackio

    try:
        return {run.name: run for run in trackio.Api().runs(project)}
    except ValueError:  # there is no such project yet
        return {}
