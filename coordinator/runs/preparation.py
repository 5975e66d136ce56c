"""Prepares a run for submission: checks all that can be checked, then publishes the data set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepchord.coordinator.runs.long_steps import long_step
from deepchord.coordinator.runs.planning import check_parts, plan_architecture, plan_run
from deepchord.coordinator.runs.request import RunRequest, plan_request
from deepchord.shared.broker import probe_broker
from deepchord.shared.command_line import user_path
from deepchord.shared.datasets import Dataset, Places, find_dataset, publish_dataset
from deepchord.shared.errors import InputError
from deepchord.shared.host import choose_engine
from deepchord.shared.messages import RunSpec
from deepchord.shared.network import ResolvedArchitecture
from deepchord.shared.settings import Settings, keras_home
from deepchord.shared.storage import RunStore

#: How many numbers each optimizer stores per parameter.
_OPTIMIZER_SLOTS = {"sgd": 0, "rmsprop": 1, "adam": 2, "nadam": 2}


def prepare(
    settings: Settings, recipe_file: Path | None, options: Mapping[str, Any], given: Dataset | None = None
) -> tuple[RunStore, RunSpec]:
    """Check a request, publish its data set, and return storage and the run.

    Nothing is written before all checks have passed.

    Args:
        settings: Where broker and storage are.
        recipe_file: See `plan_request`.
        options: See `plan_request`.
        given: The data set, if it is in memory already; None: the one that is requested is read.

    Raises:
        InputError: The recipe or an option is not valid, or `--detach` was asked for without a broker.
        BrokerError: The given broker does not answer, or cannot be used as it is.
        EngineError: No broker is given, and no engine is installed here.
        DatasetError: The data set was not found or cannot be used.
        StorageError: Storage cannot be written.
    """
    request = plan_request(recipe_file, options)
    check_not_detached(settings, is_automatic=request.members == "auto")
    check_broker(settings, request.require)
    store = RunStore.open(settings)
    dataset = given or _read(request)
    if dataset.table is not None:
        request = plan_request(recipe_file, options, table_rows=len(dataset.x_train))
    check_parts(request.recipe(), len(dataset.x_train))
    architecture = plan_architecture(request, dataset.x_train.shape[1:], len(dataset.class_names))
    network = architecture.resolve(input_shape=dataset.x_train.shape[1:], classes=len(dataset.class_names))
    check_state_size(store, network, request.optimizer)
    store.check_writable()
    size_bytes = dataset.x_train.nbytes + dataset.x_test.nbytes
    published = publish_dataset(
        dataset,
        store,
        checking=long_step(f"Checking what is published of {dataset.name}", size_bytes, "read"),
        publishing=long_step(f"Publishing {dataset.name}", size_bytes, "write"),
    )
    return store, plan_run(request, architecture, published, max_attempts=settings.max_attempts)


def check_not_detached(settings: Settings, *, is_automatic: bool) -> None:
    """Raise `InputError` if a run that adds members by itself would not be followed."""
    if settings.detach and is_automatic:
        raise InputError("--members auto adds members while the command follows the run: leave --detach out.")


def check_broker(settings: Settings, require: str | None) -> None:
    """Check the given broker, or else whether workers that are started here can train the members.

    Args:
        settings: The broker, and engine and device of workers that are started here.
        require: The engine or kind of device that the members require; None: any.

    Raises:
        InputError: `--detach` was asked for without a broker, or workers here may not meet the requirement.
        BrokerError: The given broker does not answer, or cannot be used as it is.
        EngineError: No broker is given, and no engine is installed here.
    """
    _check_detach(settings)
    if not is_embedded(settings):
        probe_broker(settings)
        return
    choose_engine(settings.engine)
    if require not in (None, settings.engine, settings.device if settings.preflight else None):
        # A worker chooses its queues before it examines its device, unless it has a preflight.
        is_kind = require in ("gpu", "cpu")
        setting = (
            f"DEEPCHORD_DEVICE={require}, and no DEEPCHORD_PREFLIGHT" if is_kind else f"DEEPCHORD_ENGINE={require}"
        )
        raise InputError(
            f"--require {require} is for the workers of a fleet: give its broker with --broker; "
            f"for the workers that are started here, set {setting}."
        )


def is_embedded(settings: Settings) -> bool:
    """Return whether broker and workers are to be started on this machine."""
    return settings.local or settings.broker is None


def _read(request: RunRequest) -> Dataset:
    with long_step(f"Reading {request.dataset}", _file_bytes(request.dataset), "read"):
        places = Places(keras_home=keras_home())
        return find_dataset(request.dataset, places, request.channels_first, target=request.target)


def _file_bytes(dataset: str) -> int | None:
    """Return the size of a data set's file; None if the data set is not given as a file that exists."""
    try:
        return user_path(dataset).stat().st_size
    except (OSError, RuntimeError, ValueError):  # also for `~name` of an unknown user
        return None


def check_state_size(store: RunStore, network: ResolvedArchitecture, optimizer: str) -> None:
    """Raise `InputError` if the state after an epoch is too large for storage: a crash would then cost all epochs."""
    largest = store.objects.largest_bytes
    # In float32: the weights, the best weights, and the slots of the optimizer.
    needed = 4 * (2 + _OPTIMIZER_SLOTS[optimizer]) * network.parameters
    if largest is not None and needed > largest:
        raise InputError(
            f"The network has {network.parameters:,} parameters, so that the state after an epoch takes up to "
            f"{needed / 2**20:.0f} MiB; storage {store.objects.url} takes objects of at most {largest // 2**20} MiB: "
            "give a folder or s3://bucket with --storage."
        )


def _check_detach(settings: Settings) -> None:
    if is_embedded(settings) and settings.detach:
        raise InputError("--detach needs a broker that outlives this command: give one with --broker.")
    if settings.flower and settings.detach:
        raise InputError(
            "Flower would end with this command, which --detach ends at once: leave --flower (DEEPCHORD_FLOWER) out, "
            "and start `deepchord flower`."
        )
