"""Plans what the members of a run start from, if not from random weights: the weights of a file."""

import logging
from dataclasses import dataclass
from pathlib import Path

from deepchord.coordinator.runs.request import RunRequest
from deepchord.shared.checkpoints import encode_checkpoint
from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import InputError
from deepchord.shared.messages import InitialWeights
from deepchord.shared.network import Architecture, ResolvedArchitecture
from deepchord.shared.saved_models import StartingWeights, check_scaled, read_start
from deepchord.shared.storage import RunStore

logger = logging.getLogger(__name__)
_ACTION = {"action": "initial_weights"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Start:
    """Weights that a run's members start from; nothing is published yet."""

    source: str
    read: StartingWeights
    network: ResolvedArchitecture
    noise: float


def plan_start(request: RunRequest, architecture: Architecture, dataset: Dataset) -> Start | None:
    """Return what the members start from; None: random weights. What is not as in the file is logged.

    Args:
        request: The request.
        architecture: The network of the run.
        dataset: Its data set.

    Raises:
        CheckpointError: The file is damaged, no weight file, or of another network; the message names the layer.
        InputError: The images are not those that the network in the file takes, or a new head is not trained.
    """
    if request.initial_weights is None:
        return None
    if dataset.task == "multilabel":
        raise InputError(
            "initial_weights are for runs that predict classes or numbers; this one predicts labels: leave them out."
        )
    shape, classes, targets = dataset.x_train.shape[1:], len(dataset.class_names), len(dataset.targets)
    path = Path(request.initial_weights)
    read = read_start(path, architecture, shape, classes, targets, new_head=request.new_head)
    network = architecture.resolve(input_shape=shape, classes=classes, targets=targets)
    name = printable_path(path.name)
    if read.rescales:
        check_scaled(name, dataset.name, (dataset.x_train, dataset.x_test))
    for note in read.notes:
        logger.info("%s %s.", name, note, extra=_ACTION)
    for layer in network.layers:
        if layer.name in read.drawn and not layer.layer.trainable:
            raise InputError(f"Layer {layer.name} is drawn anew, and trainable = false: a new head has to be trained.")
    if read.drawn:
        why = _why_drawn(request, read, network.outputs.size, name)
        logger.warning("Layer %s is drawn anew by each member, %s.", read.drawn[0], why, extra=_ACTION)
    elif not request.initial_noise:
        logger.warning(
            "All members start from the same weights: they will differ by what they hold out, by the order of the "
            "images, by dropout and augmentation only. new_head (--new-head) lets each draw its own head, "
            "initial_noise (--initial-noise 0.1) changes the kernels of each.",
            extra=_ACTION,
        )
    return Start(source=name, read=read, network=network, noise=request.initial_noise)


def _why_drawn(request: RunRequest, read: StartingWeights, outputs: int, name: str) -> str:
    """Return why the head is drawn anew, as a clause."""
    if read.outputs != outputs:
        return f"for {name} has {read.outputs} outputs, not {outputs}"
    return "as asked for" if request.new_head else f"for what {name} gives is no mean and variance of numbers"


def publish_start(store: RunStore, start: Start | None) -> InitialWeights | None:
    """Publish weights that members start from under their SHA-256; return what a run says of them.

    Raises:
        StorageError: The storage cannot be reached or written.
    """
    if start is None:
        return None
    sha256 = store.inputs.publish_initial_weights(encode_checkpoint(start.network, start.read.weights))
    return InitialWeights(sha256=sha256, source=start.source[:200], drawn=start.read.drawn, noise=start.noise)
