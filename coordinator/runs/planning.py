"""Plans a run from a request, and the members of a run from its seed. Only a network's file is read here."""

import secrets
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from deepchord.coordinator.runs.request import RunRequest
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, MemberSeeds, MemberSpec, RunSpec
from deepchord.shared.network import Architecture, default_architecture


def plan_architecture(request: RunRequest, input_shape: tuple[int, ...], classes: int) -> Architecture:
    """Return the network of a request; without one, that of the preset.

    Args:
        request: The request.
        input_shape: Height, width and channels of an image.
        classes: The number of classes of the data set.

    Raises:
        InputError: The network is not valid, or the network or the augmentation does not fit images and classes.
    """
    if request.layers is not None:
        architecture = Architecture(layers=request.layers)
    elif request.architecture is not None:
        architecture = Architecture.load(Path(request.architecture))
    else:
        architecture = default_architecture(request.preset)
    architecture.resolve(input_shape=input_shape, classes=classes)
    if request.shift + request.cutout >= min(input_shape[:2]):
        raise InputError(
            f"shift = {request.shift} and cutout = {request.cutout} could leave nothing to be seen of images of "
            f"{input_shape[0]}x{input_shape[1]} pixels; their sum must be less than the shorter side."
        )
    return architecture


def plan_run(
    request: RunRequest,
    architecture: Architecture,
    dataset: DatasetInfo,
    *,
    max_attempts: int,
    now: datetime | None = None,
) -> RunSpec:
    """Return a new run, with a new id, and with a random seed if the request has none.

    Args:
        request: The request.
        architecture: The network.
        dataset: The published data set.
        max_attempts: How often a member is tried at most.
        now: When the run is created, in UTC; None: now.
    """
    now = now or datetime.now(UTC)
    return RunSpec(
        run_id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        created_at=now,
        preset=request.preset,
        dataset=dataset,
        architecture=architecture,
        recipe=request.recipe(),
        members=request.members,
        min_members=request.min_members or -(-request.members // 2),
        seed=secrets.randbelow(2**32) if request.seed is None else request.seed,
        max_attempts=max_attempts,
        require=request.require,
    )


def plan_member(run_id: str, run_seed: int, index: int) -> MemberSpec:
    """Return one member. Its four seeds depend on the run's seed and the member's index only.

    So the first members of a larger ensemble equal those of a smaller one with the same seed.
    """
    state = np.random.SeedSequence(run_seed, spawn_key=(index,)).generate_state(4)
    names = ("split", "initialization", "shuffling", "dropout")
    seeds = MemberSeeds.model_validate({name: int(word) for name, word in zip(names, state, strict=True)})
    return MemberSpec(run_id=run_id, index=index, seeds=seeds)
