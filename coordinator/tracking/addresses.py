"""Opens trackers by their addresses: `mlflow:http://host:5000#experiment`, `tensorboard:folder`, `trackio:project`."""

import os
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from deepchord.coordinator.tracking.tracker import Tracker
from deepchord.shared.command_line import home_path
from deepchord.shared.errors import InputError
from deepchord.shared.host import how_to_install
from deepchord.shared.storage import RunStore
from deepchord.shared.validation import suggestion, with_full_stop

#: What an experiment or a project is called if the address names none.
_DEFAULT_NAME = "deepchord"
_EXPECTED = "expected mlflow:URI or mlflow:URI#EXPERIMENT, tensorboard:FOLDER, trackio or trackio:PROJECT"
#: Without them MLflow tells its makers that it is used, waits for minutes, and draws bars; what the user sets holds.
_MLFLOWS_VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def open_trackers(addresses: Sequence[str], store: RunStore) -> Sequence[Tracker]:
    """Return the trackers with these addresses; none is asked yet.

    Args:
        addresses: `mlflow:URI`, `mlflow:URI#EXPERIMENT`, `tensorboard:FOLDER`, `trackio` or `trackio:PROJECT`.
        store: Shared storage.

    Raises:
        InputError: An address is not valid, or needs a package that is not installed.
    """
    return [_open(number, address, store) for number, address in enumerate(addresses, 1)]


def _open(number: int, address: str, store: RunStore) -> Tracker:
    kind, _, place = address.partition(":")
    if kind not in _KINDS:
        raise InputError(
            with_full_stop(f"Tracker {number} is of an unknown kind, {_EXPECTED}{suggestion(kind, _KINDS)}")
        )
    if not place and kind != "trackio":
        raise InputError(f"Tracker {number}, {kind}, has no place; {_EXPECTED}.")
    package, opening = _KINDS[kind]
    if find_spec(package) is None:
        raise InputError(f"Tracker {number}, {kind}, needs another package: {how_to_install(kind)}.")
    return opening(number, place, store)


def _mlflow(number: int, place: str, store: RunStore) -> Tracker:
    uri, _, experiment = place.partition("#")
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https") and "@" in parts.netloc:
        raise InputError(
            f"Tracker {number}, mlflow, has a user in its address: put it and its password into "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, which MLflow reads."
        )
    # MLflow reads them when it is imported, and has no other way to be told.
    for name, value in _MLFLOWS_VARIABLES.items():
        os.environ.setdefault(name, value)
    from deepchord.coordinator.tracking.mlflow import MLflow

    return MLflow(store, uri, experiment or _DEFAULT_NAME)


def _tensorboard(_: int, place: str, __: RunStore) -> Tracker:
    from deepchord.coordinator.tracking.tensorboard import TensorBoard

    return TensorBoard((home_path(Path(place)) or Path(place)).absolute())


def _trackio(_: int, place: str, __: RunStore) -> Tracker:
    from deepchord.coordinator.tracking.trackio import Trackio

    return Trackio(place or _DEFAULT_NAME)


#: The package that each kind needs, and what opens it.
_KINDS: Mapping[str, tuple[str, Callable[[int, str, RunStore], Tracker]]] = {
    "mlflow": ("mlflow", _mlflow),
    "tensorboard": ("tensorboardX", _tensorboard),
    "trackio": ("trackio", _trackio),
}
