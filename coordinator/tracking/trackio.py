"""Trackio on this machine: a run there for each member, and for each evaluation, in a group called as our run.

Trackio prints, keeps threads, and writes point by point. So it does that in a process of its own, under a name that is
changed when a run is complete; two runs cannot get the same name.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from deepchord.coordinator.tracking.tracker import End, OpenRun
from deepchord.coordinator.tracking.values import Point
from deepchord.shared.errors import TrackerError
from deepchord.shared.messages import RunSpec
from deepchord.shared.process import run_function

#: It needs seconds; more is a disk or a lock that hangs.
_WITHIN_S = 120.0


class Trackio:
    """A project of Trackio, in its folder on this machine."""

    def __init__(self, project: str) -> None:
        self._project = project

    @property
    def label(self) -> str:
        """What it is called in logs and messages."""
        return f"Trackio's project {self._project}"

    def open(self, run: RunSpec) -> OpenRun:
        """Find what is there of a run."""
        return _Group(self._project, run.run_id)


class _Group:
    """The runs of Trackio that belong to one of ours; their names are its id and that of a part."""

    def __init__(self, project: str, run_id: str) -> None:
        self._project = project
        self._run_id = run_id
        self._parameters: Mapping[str, Any] = {}
        self._names = set(self._call("names", {}))

    def has(self, group: str, part: str) -> bool:  # noqa: ARG002  the names of parts are unique
        """Return whether the run of a part is there; parameters belong to each of them, and are always asked for."""
        return f"{self._run_id} {part}" in self._names

    def write_parameters(self, part: str, values: Mapping[str, str | int | float | bool], at: datetime) -> None:  # noqa: ARG002  see above
        """Remember the parameters for the runs that are written next."""
        self._parameters = dict(values)

    def write_points(self, group: str, part: str, points: Sequence[Point]) -> None:  # noqa: ARG002  see above
        """Write a run with these points."""
        self._write(part, points=[{"step": point.step, "values": dict(point.values)} for point in points])

    def write_report(self, part: str, folder: Path, at: datetime) -> None:  # noqa: ARG002  Trackio takes its own time
        """Write a run with the report's figures."""
        self._write(part, figures=[str(path) for path in sorted((folder / "figures").glob("*.png"))])

    def end(self, end: End, at: datetime) -> None:
        """Do nothing: Trackio knows of no end."""

    def _write(self, part: str, **content: Any) -> None:
        name = f"{self._run_id} {part}"
        self._call("write", {"name": name, "group": self._run_id, "config": self._parameters, **content})
        self._names.add(name)

    def _call(self, action: str, request: Mapping[str, Any]) -> list[str]:
        with tempfile.TemporaryDirectory(prefix="deepchord-trackio-") as folder:
            path = Path(folder) / "request.json"
            path.write_text(json.dumps({"project": self._project, "action": action, **request}), encoding="utf-8")
            ended = run_function(answer, str(path), environment=None, within_s=_WITHIN_S)
            if ended.code != 0:
                why = "it took too long" if ended.code is None else ended.last_error or f"exit code {ended.code}"
                raise TrackerError(f"Trackio's project {self._project} cannot be used: {why.rstrip('.')}.")
            return [str(name) for name in json.loads(path.with_name("answer.json").read_text(encoding="utf-8"))]


def answer(path: str) -> None:
    """Do in a process of its own what a request says, and write the names of all runs of its project beside it."""
    import trackio

    request = json.loads(Path(path).read_text(encoding="utf-8"))
    project = request["project"]
    if request["action"] == "write" and request["name"] not in _runs(project):
        written = f"{request['name']} (being written, {os.getpid()})"
        run = trackio.init(
            project,
            name=written,
            group=request["group"],
            config=request["config"],
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
        for point in request.get("points", ()):
            run.log(point["values"], step=point["step"])
        for figure in request.get("figures", ()):
            run.log({f"report/{Path(figure).stem}": trackio.Image(figure)}, step=0)
        trackio.finish()
        try:
            _runs(project)[written].rename(request["name"])
        except ValueError:  # somebody else was faster
            _runs(project)[written].delete()
    Path(path).with_name("answer.json").write_text(json.dumps(sorted(_runs(project))), encoding="utf-8")


def _runs(project: str) -> dict[str, Any]:
    """Return the runs of a project by their names."""
    import trackio

    try:
        return {run.name: run for run in trackio.Api().runs(project)}
    except ValueError:  # there is no such project yet
        return {}
