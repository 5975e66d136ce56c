"""What happens before a run is submitted: everything is checked that can be, and the data set published."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.flower import running_flower
from coordinator.interruptions import terminations_interrupting
from coordinator.local import local_session
from coordinator.local_workers import with_workers
from coordinator.long_steps import long_step
from coordinator.planning import plan_architecture, plan_request, plan_run
from shared.architecture import ResolvedArchitecture
from shared.broker_probe import probe_broker
from shared.dataset_sources import Places, find_dataset
from shared.datasets import publish_dataset
from shared.errors import InputError
from shared.installed_engines import choose_engine
from shared.messages import RunSpec
from shared.paths import user_path
from shared.settings import Settings, keras_home
from shared.storage import RunStore

#: How many numbers an optimizer keeps for each parameter.
_KEPT = {"sgd": 0, "rmsprop": 1, "adam": 2, "nadam": 2}


@dataclass(frozen=True, kw_only=True)
class Session:
    """The broker of one command, and how to find out that waiting for it is pointless."""

    #: The settings with the broker that is used.
    settings: Settings
    embedded: bool
    #: Raises if the workers on this machine are gone.
    check: Callable[[], None]
    flower_address: str | None


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


@contextmanager
def open_broker(settings: Settings, run: RunSpec, tell: Callable[[str], None]) -> Iterator[Session]:
    """Open the broker that was given, or start one with workers on this machine, for the length of a block.

    Args:
        settings: Which of both, and how many workers if the number is not to be found out.
        run: What is to be trained.
        tell: Told of what takes a while.
    """
    with ExitStack() as stack:
        stack.enter_context(terminations_interrupting())
        environment = None
        check: Callable[[], None] = _nothing_to_check
        embedded = is_embedded(settings)
        if embedded:
            sized, devices = with_workers(settings, run, tell)
            opening = local_session(sized, devices=devices, run_id=run.run_id, grace_s=settings.grace_s)
            session = stack.enter_context(opening)
            settings, environment, check = session.settings, session.environment(), session.check
        address = stack.enter_context(running_flower(settings, environment)).address if settings.flower else None
        yield Session(settings=settings, embedded=embedded, check=check, flower_address=address)


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


def _nothing_to_check() -> None:
    """Workers on other machines are not ours to look after."""
