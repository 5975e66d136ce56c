"""Where a result comes from and how to make it again: versions, seed, recipe and network."""

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from deepchord.coordinator.report.content import EnsembleContent
from deepchord.shared.checkpoints import INITIAL_WEIGHTS_FILE
from deepchord.shared.datasets import IN_MEMORY, LEFT_OUT, OVERLAP, Dataset, is_named_dataset
from deepchord.shared.messages import DatasetInfo, Recipe, RunSpec, Trainer, TrainingPart
from deepchord.shared.network import NETWORK_INPUT, PRESET_ARCHITECTURES, ResolvedLayer, notebook_architecture

#: The file in the report's folder from which `deepchord train` trains the same members again.
RECIPE_FILE = "recipe.toml"


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


def software(content: EnsembleContent) -> tuple[str, ...]:
    """Return a line for each engine: its version and device, and how many members it trained or that it evaluated."""
    trainers = Counter(_software(member.trainer) for member in content.trained.values())
    lines = [f"{name}: trained {members}" for name, members in trainers.most_common()]
    evaluator = content.evaluation.evaluator
    return (*lines, f"{_software(evaluator)}, {evaluator.host}: evaluated")


def resumptions(content: EnsembleContent) -> tuple[str, ...]:
    """Return a line for each member that more than one attempt trained: who trained which epochs."""
    return tuple(
        f"{content.member_names[index]}: " + ", then ".join(_part(part, n > 0) for n, part in enumerate(member.parts))
        for index, member in sorted(content.trained.items())
        if member.parts
    )


def has_own_files(dataset: Dataset) -> bool:
    """Return whether a data set was read from files that only its owner has."""
    return dataset.name != IN_MEMORY and not is_named_dataset(dataset.name)


def data_notes(dataset: Dataset) -> tuple[str, ...]:
    """Return what was noticed when a data set was read.

    Left to others: test images that leak, which `doubts` are about, and columns that are left out, which stand beside
    those that are used.
    """
    return tuple(finding.text for finding in dataset.findings if finding.kind not in (OVERLAP, LEFT_OUT))


def _part(part: TrainingPart, resumed: bool) -> str:
    afresh = resumed and part.epochs > 0 and not part.optimizer_continued
    optimizer = ", its optimizer begun afresh" if afresh else ""
    epochs = "1 epoch" if part.epochs == 1 else f"{part.epochs} epochs"
    return f"{epochs} on {part.trainer.host} ({part.trainer.engine} {part.trainer.device}{optimizer})"


def network(spec: RunSpec) -> tuple[LayerLine, ...]:
    """Return the layers of the run's network."""
    resolved = spec.dataset.network(spec.architecture)
    lines = []
    before = NETWORK_INPUT
    for layer in resolved.layers:
        sizes = [math.prod(weight.shape) for weight in layer.weights]
        lines.append(
            LayerLine(
                name=layer.name,
                details=_details(layer, before),
                output_shape="\u00a0\u00d7\u00a0".join(str(size) for size in layer.output_shape),
                parameters=sum(sizes),
            )
        )
        before = layer.name
    return tuple(lines)


def _details(resolved: ResolvedLayer, before: str) -> str:
    """Return the options of a layer in words, and its inputs unless it takes the layer before it alone."""
    layer = resolved.layer
    words = [
        f"{name} {value}"
        for name, value in layer.model_dump(exclude={"type", "name", "inputs"}, exclude_none=True).items()
    ]
    if resolved.inputs != (before,):
        words.append(f"takes {' and '.join(resolved.inputs)}")
    return ", ".join(words)


def train_again(spec: RunSpec) -> str:
    """Return the command that trains the same members again, beside the recipe file."""
    if spec.distillation is None:
        return f"deepchord train {RECIPE_FILE}"
    recipe, learnt = spec.recipe, spec.distillation
    unless_one = {"share": learnt.share, "temperature": learnt.temperature, "members": spec.members}
    options = {
        **{name: value for name, value in unless_one.items() if value != 1},
        "network": RECIPE_FILE,
        "epochs": recipe.epochs,
        "batch-size": recipe.batch_size,
        "learning-rate": recipe.learning_rate,
        "shift": recipe.shift,
        "seed": spec.seed,
    }
    said = " ".join(f"--{name} {value}" for name, value in options.items())
    return f"deepchord distill {learnt.teacher} {said} {'--flip' if recipe.flip else '--no-flip'}"


def recipe_toml(spec: RunSpec) -> str:
    """Return a recipe file with which `deepchord train` plans the same members with the same seeds.

    The layers are left out if they are those of the notebook and the preset means these, for they never change. Those
    of a distilled run are what `deepchord distill` takes from the file, so they are always there.
    """
    values = {
        "preset": spec.preset,
        "dataset": spec.dataset.name,
        **_file_options(spec.dataset),
        **_predicted(spec.dataset),
        "members": spec.members,
        "min_members": spec.min_members,
        "seed": spec.seed,
        # All of them: what is written to storage lacks options that earlier versions did not know.
        **{name: getattr(spec.recipe, name) for name in Recipe.model_fields},
        **_start(spec),
    }
    # TOML has no null: what is None is left out.
    lines = [f"{name} = {_toml(value)}" for name, value in values.items() if value is not None]
    # A record may name a preset of another version.
    is_meant = (
        PRESET_ARCHITECTURES.get(spec.preset) is notebook_architecture and spec.architecture == notebook_architecture()
    )
    if not is_meant or spec.distillation is not None:
        for layer in spec.architecture.layers:
            lines += [
                "",
                "[[layers]]",
                *(f"{name} = {_toml(value)}" for name, value in layer.model_dump(exclude_none=True).items()),
            ]
    return "\n".join(lines) + "\n"


def _start(spec: RunSpec) -> dict[str, object]:
    """Return what has to be said of the weights that members start from; the file is collected beside the recipe."""
    given = spec.initial_weights
    if given is None:
        return {}
    options: dict[str, object] = {"initial_weights": INITIAL_WEIGHTS_FILE, "initial_noise": given.noise}
    return options | ({"new_head": True} if given.drawn else {})


def _predicted(dataset: DatasetInfo) -> dict[str, object]:
    """Return what of a table is predicted, that its file had no header, and that numbers or labels are predicted."""
    named: dict[str, object] = {"target": ",".join(dataset.table.targets)} if dataset.table else {}
    if dataset.table is not None and dataset.table.is_unnamed:
        named["header"] = False
    task = dataset.outputs.task
    return named if task == "classification" else {**named, "task": task}


def _file_options(dataset: DatasetInfo) -> dict[str, object]:
    """Return what has to be said of the files of a data set so that the same images come out of them."""
    options: dict[str, object] = {}
    if dataset.files is not None and dataset.files.scaled:
        options["image_size"] = list(dataset.input_shape[:2])
    if dataset.files is not None and dataset.files.skipped:
        options["skip_damaged"] = True
    if dataset.split is not None:
        options |= {"test_share": dataset.split.share, "split_seed": dataset.split.seed}
    if dataset.test_name is not None:
        options["test"] = dataset.test_name
    return options


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml_key(name)} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # What JSON writes for strings, numbers and truth values is TOML too, but for one control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(name: str) -> str:
    """Return a name as a key: names of classes may hold anything."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _software(trainer: Trainer) -> str:
    return f"{trainer.engine} {trainer.engine_version} on {trainer.device}"
