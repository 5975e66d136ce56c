"""MLflow: one run of an experiment there for each run of ours, found again by the tag `deepchord.run`."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from deepchord.coordinator.tracking.tracker import ENSEMBLE, End, OpenRun
from deepchord.coordinator.tracking.values import Point
from deepchord.shared.errors import TrackerError
from deepchord.shared.messages import RunSpec
from deepchord.shared.storage import RunStore
from deepchord.shared.storage.followers import FollowerStore

_RUN_TAG = "deepchord.run"
#: A tag that says that a part was written.
_PART_TAG = "deepchord.part."
#: The most values that MLflow takes at once.
_METRICS_AT_ONCE, _PARAMETERS_AT_ONCE = 1000, 100
#: The longest value of a parameter.
_MAX_VALUE_LENGTH = 6000
_STATUS: Mapping[End, str] = {"evaluated": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}


class MLflow:
    """An experiment of an MLflow server, or of a folder or database that MLflow reads."""

    def __init__(self, store: RunStore, uri: str, experiment: str) -> None:
        """Take the address; nothing is asked yet.

        Args:
            store: Shared storage, where all who follow a run agree which run of MLflow it is.
            uri: As MLflow takes it: `http://host:5000`, `sqlite:///file.db` …
            experiment: The name of the experiment; it is created if there is none.
        """
        self._store = store
        self._uri = uri
        self._experiment = experiment

    @property
    def label(self) -> str:
        """What it is called in logs and messages."""
        return f"MLflow at {_without_secret(self._uri)}"

    def open(self, run: RunSpec) -> OpenRun:
        """Find the run, or create it."""
        with self.explained():
            client = MlflowClient(tracking_uri=self._uri)
            run_id = self._find(client, run)
            tags = client.get_run(run_id).data.tags
        return _OpenRun(self, client, run_id, set(tags))

    def _find(self, client: MlflowClient, run: RunSpec) -> str:
        """Return MLflow's id of a run; if several look for it at once, storage decides which one it is."""
        notes = FollowerStore(self._store.objects, run.run_id)
        place = f"{_without_secret(self._uri)}#{self._experiment}"
        name = f"mlflow-{hashlib.sha256(place.encode()).hexdigest()[:16]}"
        noted = notes.tracked_as(name)
        if noted is not None and _exists(client, noted):
            return noted
        experiment = self._experiment_id(client)
        found = client.search_runs([experiment], f"tags.`{_RUN_TAG}` = '{run.run_id}'", max_results=1)
        if found:
            return notes.note_tracked(name, found[0].info.run_id, replace=noted is not None)
        tags = {_RUN_TAG: run.run_id, "deepchord.preset": run.preset, "deepchord.dataset": run.dataset.name}
        started = _milliseconds(run.created_at)
        created = client.create_run(experiment, start_time=started, tags=tags, run_name=run.run_id).info.run_id
        held = notes.note_tracked(name, created, replace=noted is not None)
        if held != created:
            client.delete_run(created)
        return held

    def _experiment_id(self, client: MlflowClient) -> str:
        found = client.get_experiment_by_name(self._experiment)
        if found is None:
            try:
                return str(client.create_experiment(self._experiment))
            except MlflowException:  # somebody else was faster
                found = client.get_experiment_by_name(self._experiment)
                if found is None:
                    raise
        return str(found.experiment_id)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the errors of a block into sentences without a password."""
        try:
            yield
        except (MlflowException, OSError) as error:
            line = " ".join(str(error).split())
            raise TrackerError(f"{self.label} cannot be used: {_without_secret(line)[:300].rstrip('.')}.") from None


class _OpenRun:
    """A run of MLflow."""

    def __init__(self, tracker: MLflow, client: MlflowClient, run_id: str, tags: set[str]) -> None:
        self._explained = tracker.explained
        self._client = client
        self._run_id = run_id
        self._tags = tags

    def has(self, group: str, part: str) -> bool:  # noqa: ARG002  the names of parts are unique in MLflow
        """Return whether the tag of a part is there."""
        return f"{_PART_TAG}{part}" in self._tags

    def write_parameters(self, part: str, values: Mapping[str, str | int | float | bool], at: datetime) -> None:  # noqa: ARG002  MLflow keeps no time of them
        """Write the parameters."""
        items = [Param(name, str(value)[:_MAX_VALUE_LENGTH]) for name, value in values.items()]
        with self._explained():
            for start in range(0, len(items), _PARAMETERS_AT_ONCE):
                self._client.log_batch(self._run_id, params=items[start : start + _PARAMETERS_AT_ONCE])
        self._note(part)

    def write_points(self, group: str, part: str, points: Sequence[Point]) -> None:
        """Write one metric for each value; those of members have names of their own."""
        metrics = [
            Metric(
                _key(name if group == ENSEMBLE else f"members/{name}/{group}"),
                value,
                _milliseconds(point.at),
                point.step,
            )
            for point in points
            for name, value in point.values.items()
        ]
        with self._explained():
            for start in range(0, len(metrics), _METRICS_AT_ONCE):
                self._client.log_batch(self._run_id, metrics=metrics[start : start + _METRICS_AT_ONCE])
        self._note(part)

    def write_report(self, part: str, folder: Path, at: datetime) -> None:  # noqa: ARG002  files have a time of their own
        """Write all files of the report as artifacts."""
        with self._explained():
            self._client.log_artifacts(self._run_id, str(folder), "report")
        self._note(part)

    def end(self, end: End, at: datetime) -> None:
        """Set the status of the run."""
        with self._explained():
            self._client.set_terminated(self._run_id, _STATUS[end], _milliseconds(at))

    def close(self) -> None:
        """Do nothing: all is written."""

    def _note(self, part: str) -> None:
        with self._explained():
            self._client.log_batch(self._run_id, tags=[RunTag(f"{_PART_TAG}{part}", "written")])
        self._tags.add(f"{_PART_TAG}{part}")


def _exists(client: MlflowClient, run_id: str) -> bool:
    try:
        return bool(client.get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def _key(name: str) -> str:
    """Return a name with the characters that MLflow takes."""
    return re.sub(r"[^A-Za-z0-9_./ :-]", "_", name)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _without_secret(text: str) -> str:
    return re.sub(r"://[^\s/@]*@", "://", text)
