"""What happens before a run is submitted: everything is checked that can be, and the data set published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepchord.coordinator.runs.long_steps import long_step
from deepchord.coordinator.runs.planning import plan_architecture, plan_run
from deepchord.coordinator.runs.request import plan_request
from deepchord.shared.broker import probe_broker
from deepchord.shared.command_line import user_path
from deepchord.shared.datasets import Places, find_dataset, publish_dataset
from deepchord.shared.errors import InputError
from deepchord.shared.host import choose_engine
from deepchord.shared.messages import RunSpec
from deepchord.shared.network import ResolvedArchitecture
from deepchord.shared.settings import Settings, keras_home
from deepchord.shared.storage import RunStore

#: How many numbers an optimizer keeps for each parameter.
_KEPT = {"sgd": 0, "rmsprop": 1, "adam": 2, "nadam": 2}


def prepare(settings: Settings, recipe_file: Path | None, options: Mapping[str, Any]) -> tuple[RunStore, RunSpec]:
    """Check all that was asked for, publish the data set, and return the run that is to be submitted.

    Nothing is written before everything else was found to be in order.

    Raises:
        InputError: The recipe or an option is not valid, or `--detach` was asked for without a broker.
        BrokerError: The broker that was given does not answer, or is of no use as it is.
        EngineError: None is given, and no engine is installed here.
        DatasetError: The data set was not found or cannot be used.
        StorageError: Storage cannot be written.
    """
    request = plan_request(recipe_file, options)
    check_broker(settings, request.require)
    store = RunStore.open(settings)
    with long_step(f"Reading {request.dataset}", _size(request.dataset), "read"):
        dataset = find_dataset(request.dataset, Places(keras_home=keras_home()), request.channels_first)
    architecture = plan_architecture(request, dataset.x_train.shape[1:], len(dataset.class_names))
    network = architecture.resolve(input_shape=dataset.x_train.shape[1:], classes=len(dataset.class_names))
    _check_room(store, network, request.optimizer)
    store.check_writable()
    size = dataset.x_train.nbytes + dataset.x_test.nbytes
    published = publish_dataset(
        dataset,
        store,
        checking=long_step(f"Checking what is published of {request.dataset}", size, "read"),
        publishing=long_step(f"Publishing {request.dataset}", size, "write"),
    )
    return store, plan_run(request, architecture, published, max_attempts=settings.max_attempts)


def check_broker(settings: Settings, require: str | None) -> None:
    """Raise unless the broker that was given does what a run needs, or one can be started here, with workers that fit.

    Args:
        settings: The broker, and the engine of workers that are started here.
        require: What the members require of a worker.

    Raises:
        InputError: `--detach` was asked for without a broker, or what is required is not sure to be here.
        BrokerError: The broker that was given does not answer, or is of no use as it is.
        EngineError: None is given, and no engine is installed here.
    """
    _check_detach(settings)
    if not is_embedded(settings):
        probe_broker(settings)
        return
    choose_engine(settings.engine)
    if require not in (None, settings.engine, settings.device if settings.preflight else None):
        # Without a preflight a worker does not know its device when it chooses its queues.
        is_kind = require in ("gpu", "cpu")
        setting = (
            f"DEEPCHORD_DEVICE={require}, and no DEEPCHORD_PREFLIGHT" if is_kind else f"DEEPCHORD_ENGINE={require}"
        )
        raise InputError(
            f"--require {require} is for the workers of a fleet: give its broker with --broker; "
            f"for the workers that are started here, set {setting}."
        )


def is_embedded(settings: Settings) -> bool:
    """Say whether broker and workers are to be started on this machine."""
    return settings.local or settings.broker is None


def _size(dataset: str) -> int | None:
    """Return how large the file of a data set is; None if that is none, or one that is not known yet."""
    try:
        return user_path(dataset).stat().st_size
    except (OSError, RuntimeError, ValueError):  # `~somebody` is nobody here
        return None


def _check_room(store: RunStore, network: ResolvedArchitecture, optimizer: str) -> None:
    """Raise unless storage takes what a member saves after each epoch; without that a crash would cost all epochs."""
    largest = store.objects.largest_bytes
    # In float32: the weights, the best weights, and what the optimizer keeps.
    needed = 4 * (2 + _KEPT[optimizer]) * network.parameters
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
