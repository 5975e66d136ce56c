"""Prepares a run for submission: checks all that can be checked, then publishes the data set."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from deepchord.coordinator.runs.long_steps import counted_step, long_step
from deepchord.coordinator.runs.ownership import owner_of
from deepchord.coordinator.runs.planning import plan_architecture, plan_run
from deepchord.coordinator.runs.request import RunRequest, plan_request
from deepchord.coordinator.runs.starting import plan_start, publish_start
from deepchord.coordinator.runs.suitability import check_class_weights, check_feature_noise, check_parts, check_task
from deepchord.shared.broker import probe_broker
from deepchord.shared.command_line import user_path
from deepchord.shared.datasets import (
    Dataset,
    Places,
    all_findings,
    find_dataset,
    publish_dataset,
    refuse_too_large,
    warn_of,
)
from deepchord.shared.errors import InputError
from deepchord.shared.host import choose_engine
from deepchord.shared.messages import Recipe, RunSpec
from deepchord.shared.network import ResolvedArchitecture, refusal
from deepchord.shared.settings import Settings, keras_home
from deepchord.shared.storage import RunStore

#: How many numbers each optimizer stores per parameter; `sgd` has one with momentum.
_OPTIMIZER_SLOTS = {"sgd": 0, "rmsprop": 1, "adagrad": 1, "lion": 1, "adam": 2, "adamw": 2, "nadam": 2}
#: Files of arrays, which are read in one go; of other files the images are counted.
_ARRAY_FILES = (".npz", ".npy", ".mat")


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
        CheckpointError: The weights that members are to start from cannot be used.
        StorageError: Storage cannot be written.
    """
    rows = None if given is None or given.table is None else len(given.x_train)
    if given is not None:
        options = {**options, "dataset": given.name}  # whatever the recipe names is not trained on
    request = plan_request(recipe_file, options, table_rows=rows, task=None if given is None else given.task)
    check_not_detached(settings, is_automatic=request.members == "auto")
    check_broker(settings, request.require)
    store = RunStore.open(settings)
    dataset = given or read_requested(request)
    if given is None and (dataset.table is not None or dataset.task != "classification"):
        rows = None if dataset.table is None else len(dataset.x_train)
        request = plan_request(recipe_file, options, table_rows=rows, task=dataset.task)
    check_parts(request.recipe(), len(dataset.x_train))
    input_shape, classes, targets = dataset.x_train.shape[1:], len(dataset.class_names), len(dataset.targets)
    labels = len(dataset.label_names)
    architecture = plan_architecture(request, input_shape, classes, targets, labels)
    network = architecture.resolve(input_shape=input_shape, classes=classes, targets=targets, labels=labels)
    check_task(request, dataset.task, is_automatic=request.members == "auto")
    check_class_weights(request, dataset.class_names, dataset.y_train)
    check_feature_noise(request, input_shape, are_floats=dataset.x_train.dtype != np.uint8)
    refuse_too_large(sum(array.nbytes for array in dataset.arrays().values()), store.objects)
    _check_engine(request.require or settings.engine, network, request)
    check_state_size(store, network, request)
    start = plan_start(request, architecture, dataset)
    store.check_writable()
    dataset = replace(dataset, findings=all_findings(dataset), rows=None)
    warn_of(dataset.findings, dataset.name)
    size_bytes = dataset.x_train.nbytes + dataset.x_test.nbytes
    published = publish_dataset(
        dataset,
        store,
        checking=long_step(f"Checking what is published of {dataset.name}", size_bytes, "read"),
        publishing=long_step(f"Publishing {dataset.name}", size_bytes, "write"),
    )
    sizes = np.bincount(dataset.y_train, minlength=classes).tolist() if classes else []
    run = plan_run(
        request,
        architecture,
        published,
        max_attempts=settings.max_attempts,
        class_sizes=sizes,
        initial_weights=publish_start(store, start),
        owner=owner_of(settings),
    )
    return store, run


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


def read_requested(request: RunRequest) -> Dataset:
    """Return the data set of a request; how far its reading is, is shown.

    Raises:
        DatasetError: It was not found or cannot be used.
    """
    what, places = f"Reading {request.dataset}", Places(keras_home=keras_home())
    size_bytes = _npz_bytes(request.dataset)
    if size_bytes is not None:
        with long_step(what, size_bytes, "read"):
            return find_dataset(request.dataset, places, request.channels_first, options=request.file_options())
    with counted_step(what) as progress:
        return find_dataset(request.dataset, places, request.channels_first, options=request.file_options(progress))


def _npz_bytes(dataset: str) -> int | None:
    """Return the size of a data set's file of arrays; None if the data set is not given as one that exists."""
    try:
        path = user_path(dataset)
        return path.stat().st_size if path.is_file() and path.suffix.lower() in _ARRAY_FILES else None
    except (OSError, RuntimeError, ValueError):  # also for `~name` of an unknown user
        return None


def _check_engine(wanted: str | None, network: ResolvedArchitecture, recipe: Recipe) -> None:
    """Raise `InputError` if the engine that is to train the network cannot compute it, or not as the recipe says."""
    reason = None if wanted is None else refusal(wanted, network, beta_nll=recipe.beta_nll)
    if reason is not None:
        raise InputError(reason)


def check_state_size(store: RunStore, network: ResolvedArchitecture, recipe: Recipe) -> None:
    """Raise `InputError` if the state after an epoch is too large for storage: a crash would then cost all epochs."""
    largest = store.objects.largest_bytes
    # In float32: the weights, the best weights, and the slots of the optimizer.
    slots = _OPTIMIZER_SLOTS[recipe.optimizer] + (recipe.momentum > 0)
    needed = 4 * (2 + slots) * network.parameters
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
