"""Plans a run from a request, and the members of a run from its seed. Only a network's file is read here."""

import logging
import math
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from deepchord.coordinator.runs.request import RunRequest
from deepchord.coordinator.runs.suitability import check_augmentation, check_trainable
from deepchord.shared.command_line import user_path
from deepchord.shared.messages import DatasetInfo, InitialWeights, MemberSeeds, MemberSpec, Recipe, RunLabels, RunSpec
from deepchord.shared.network import Architecture, Outputs, ResolvedArchitecture, default_architecture
from deepchord.shared.saved_models import network_to_train, read_network

logger = logging.getLogger(__name__)

#: The number of members that a run with `members = "auto"` begins with if it has calibration images. Every member
#: predicts these images, so this many members suffice to estimate what the next one would bring.
_FIRST_WITH_CALIBRATION_IMAGES = 4

#: A class that would have fewer held-out images than this, on average, has its share of them by stratification: by
#: chance their number would vary by 15 % and more.
_FEWEST_BY_CHANCE = 50


def plan_architecture(
    request: RunRequest, input_shape: tuple[int, ...], classes: int = 0, targets: int = 0, labels: int = 0
) -> Architecture:
    """Return the network of a request; without one, that of the preset.

    Args:
        request: The request.
        input_shape: Height, width and channels of an image, or the number of features.
        classes: The number of classes of the data set; 0: something else is predicted.
        targets: How many numbers are predicted; 0: something else is.
        labels: Of how many labels it is predicted whether they apply; 0: something else is predicted.

    Raises:
        CheckpointError: A model that Keras saved is damaged, or has what deepchord does not compute.
        InputError: The network is not valid, or the network or the augmentation does not fit the images and what is
        predicted.
    """
    if request.layers is not None:
        architecture = Architecture(layers=request.layers)
    else:
        outputs = Outputs(classes=classes, targets=targets, labels=labels)
        of_files = _architecture_of_files(request, input_shape, outputs)
        architecture = of_files or default_architecture(request.preset, outputs.task)
    network = architecture.resolve(input_shape=input_shape, classes=classes, targets=targets, labels=labels)
    check_trainable(network)
    if request.initial_weights is None:
        _warn_of_random_layers(network)
    check_augmentation(request, input_shape)
    return architecture


def _architecture_of_files(request: RunRequest, input_shape: tuple[int, ...], outputs: Outputs) -> Architecture | None:
    """Return the network of the file that a request names for it, or of that with the weights; None: neither tells."""
    is_started, sizes = request.initial_weights is not None, (outputs.classes, outputs.targets, outputs.labels)
    if request.architecture is not None:
        return network_to_train(Path(request.architecture), input_shape, *sizes, keeps_frozen=is_started)
    if request.initial_weights is None:
        return None
    path = user_path(request.initial_weights)
    if read_network(path, input_shape) is None:
        return None
    return network_to_train(path, input_shape, *sizes, keeps_frozen=True)


def _warn_of_random_layers(network: ResolvedArchitecture) -> None:
    frozen = [layer for layer in network.layers if not layer.layer.trainable]
    random = [layer.name for layer in frozen if any(weight.name.endswith("kernel") for weight in layer.weights)]
    if random:
        logger.warning(
            "Layers that are trainable = false keep random weights without initial_weights (--initial-weights): %s.",
            ", ".join(random[:3]) + (f" and {len(random) - 3} more" if len(random) > 3 else ""),
            extra={"action": "random_layers"},
        )


def plan_run(
    request: RunRequest,
    architecture: Architecture,
    dataset: DatasetInfo,
    *,
    max_attempts: int,
    now: datetime | None = None,
    class_sizes: Sequence[int] = (),
    initial_weights: InitialWeights | None = None,
    owner: str | None = None,
) -> RunSpec:
    """Return a new run, with a new id, and with a random seed if the request has none.

    Args:
        request: The request.
        architecture: The network.
        dataset: The published data set.
        max_attempts: How often a member is tried at most.
        now: When the run is created, in UTC; None: now.
        class_sizes: How many training images each class has; they decide `stratify` if the request does not.
        initial_weights: What the members start from, published; None: random weights.
        owner: Whose it is, see `owner_of`; None: nobody's.
    """
    now, recipe, auto = now or datetime.now(UTC), request.recipe(), request.auto()
    if not request.decides_stratify:
        recipe = recipe.model_copy(update={"stratify": has_small_class(recipe, class_sizes)})
    members = int(request.members) if auto is None else first_members(recipe, auto.at_most)
    return RunSpec(
        run_id=new_run_id(now),
        created_at=now,
        preset=request.preset,
        dataset=dataset,
        architecture=architecture,
        recipe=recipe,
        members=members,
        min_members=min(members, request.min_members or -(-members // 2)),
        seed=secrets.randbelow(2**32) if request.seed is None else request.seed,
        max_attempts=max_attempts,
        require=request.require,
        auto=auto,
        initial_weights=initial_weights,
        labels=RunLabels(owner=owner, name=request.name, tags=request.tags),
        share=request.share(),
    )


def has_small_class(recipe: Recipe, class_sizes: Sequence[int]) -> bool:
    """Return whether chance alone could leave a class with clearly too few of the images that are held out.

    Args:
        recipe: Which shares are held out for the calibration and for the validation.
        class_sizes: How many training images each class has; classes without any do not count.
    """
    shares = [recipe.validation_fraction * (1 - recipe.calibration_fraction), recipe.calibration_fraction]
    smallest = min((size for size in class_sizes if size > 0), default=None)
    return smallest is not None and smallest * min(share for share in shares if share > 0) < _FEWEST_BY_CHANCE


def new_run_id(now: datetime) -> str:
    """Return an id for a run that is created now, in UTC."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def first_members(recipe: Recipe, at_most: int) -> int:
    """Return how many members a run with `members = "auto"` begins with, at most `at_most`.

    With calibration images these are `_FIRST_WITH_CALIBRATION_IMAGES`, otherwise so many that two members hold out each
    image.

    Args:
        recipe: How images are held out.
        at_most: How many members the run may have.
    """
    folds = math.ceil(1 / recipe.validation_fraction)
    wanted = _FIRST_WITH_CALIBRATION_IMAGES if recipe.calibration_fraction > 0 else 2 * folds
    return min(at_most, wanted)


def plan_member(run_id: str, run_seed: int, index: int) -> MemberSpec:
    """Return one member. Its four seeds depend on the run's seed and the member's index only.

    So the first members of a larger ensemble equal those of a smaller one with the same seed.
    """
    state = np.random.SeedSequence(run_seed, spawn_key=(index,)).generate_state(4)
    names = ("split", "initialization", "shuffling", "dropout")
    seeds = MemberSeeds.model_validate({name: int(word) for name, word in zip(names, state, strict=True)})
    return MemberSpec(run_id=run_id, index=index, seeds=seeds)
