"""Where a result comes from and how to make it again: versions, seed, recipe and network."""

import json
import math
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from deepchord.coordinator.report.content import ReportContent
from deepchord.shared.messages import RunSpec, Trainer, TrainingPart
from deepchord.shared.network import PRESET_ARCHITECTURES, Layer, Residual, notebook_architecture

#: The file in the report's folder from which `deepchord train` trains the same members again.
RECIPE_FILE = "recipe.toml"
#: The command that trains the same members again, beside that file.
TRAIN_AGAIN = f"deepchord train {RECIPE_FILE}"


@dataclass(frozen=True, kw_only=True)
class LayerLine:
    """A layer of the network in words."""

    name: str
    details: str
    output_shape: str
    parameters: int


def deepchord_version() -> str:
    """Return the version of deepchord that wrote the report."""
    try:
        return version("deepchord")
    except PackageNotFoundError:
        return "not installed"


def software(content: ReportContent) -> tuple[str, ...]:
    """Return a line for each engine: its version and device, and how many members it trained or that it evaluated."""
    trainers = Counter(_software(member.trainer) for member in content.trained.values())
    lines = [f"{name}: trained {members}" for name, members in trainers.most_common()]
    evaluator = content.evaluation.evaluator
    return (*lines, f"{_software(evaluator)}, {evaluator.host}: evaluated")


def resumptions(content: ReportContent) -> tuple[str, ...]:
    """Return a line for each member that more than one attempt trained: who trained which epochs."""
    return tuple(
        f"{content.member_names[index]}: " + ", then ".join(_part(part, n > 0) for n, part in enumerate(member.parts))
        for index, member in sorted(content.trained.items())
        if member.parts
    )


def _part(part: TrainingPart, resumed: bool) -> str:
    afresh = resumed and part.epochs > 0 and not part.optimizer_continued
    optimizer = ", its optimizer begun afresh" if afresh else ""
    epochs = "1 epoch" if part.epochs == 1 else f"{part.epochs} epochs"
    return f"{epochs} on {part.trainer.host} ({part.trainer.engine} {part.trainer.device}{optimizer})"


def network(spec: RunSpec) -> tuple[LayerLine, ...]:
    """Return the layers of the run's network."""
    resolved = spec.architecture.resolve(input_shape=spec.dataset.input_shape, classes=spec.dataset.classes)
    lines = []
    for layer in resolved.all_layers:
        sizes = [math.prod(weight.shape) for weight in layer.weights]
        lines.append(
            LayerLine(
                name=layer.layer.type,
                details=_details(layer.layer),
                output_shape="\u00a0\u00d7\u00a0".join(str(size) for size in layer.output_shape),
                parameters=sum(sizes),
            )
        )
    return tuple(lines)


def _details(layer: Layer) -> str:
    if isinstance(layer, Residual):
        count = len(layer.layers)
        return "adds the input of the layer above" if count == 1 else f"adds the input of the {count} layers above"
    return ", ".join(f"{name} {value}" for name, value in layer.model_dump(exclude={"type"}).items())


def recipe_toml(spec: RunSpec) -> str:
    """Return a recipe file with which `deepchord train` plans the same members with the same seeds.

    The layers are left out if they are those of the notebook and the preset means these, for they never change.
    """
    values = {
        "preset": spec.preset,
        "dataset": spec.dataset.name,
        **({"target": spec.dataset.table.target} if spec.dataset.table else {}),
        "members": spec.members,
        "min_members": spec.min_members,
        "seed": spec.seed,
        **spec.recipe.model_dump(),
    }
    lines = [f"{name} = {_toml(value)}" for name, value in values.items()]
    # A record may name a preset of another version.
    is_meant = (
        PRESET_ARCHITECTURES.get(spec.preset) is notebook_architecture and spec.architecture == notebook_architecture()
    )
    if not is_meant:
        for layer in spec.architecture.layers:
            lines += ["", "[[layers]]", *(f"{name} = {_toml(value)}" for name, value in layer.model_dump().items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # What JSON writes for strings, numbers and truth values is TOML too.
    return json.dumps(value, ensure_ascii=False)


def _software(trainer: Trainer) -> str:
    return f"{trainer.engine} {trainer.engine_version} on {trainer.device}"
