"""The command that evaluates weight files: evaluate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepchord.shared.command_line import home_path
from deepchord.worker.cli.options import Device, Engine, Json, Threads

if TYPE_CHECKING:
    from rich.console import RenderableType

    from deepchord.shared.checkpoints import EnsembleProbabilities
    from deepchord.shared.datasets import Dataset
    from deepchord.shared.messages import EnsembleEvaluation
    from deepchord.worker.resources import Resources

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers in a blink.

commands = typer.Typer(add_completion=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluatedFiles:
    """Weight files that were evaluated as one ensemble: what their report shows."""

    title: str
    #: The command that evaluates them again.
    command: str
    #: What each member is called, by its index.
    member_names: Mapping[int, str]
    evaluation: "EnsembleEvaluation"
    dataset: "Dataset"
    probabilities: "EnsembleProbabilities"


#: Writes a report into a folder; returns a table for a terminal of that width, the same as JSON, and the page's path.
#: The entry module, which knows both sides, passes it in.
WriteReport = Callable[[EvaluatedFiles, Path, int], "tuple[RenderableType, str, Path]"]


@commands.command()
def evaluate(
    context: typer.Context,
    weights: Annotated[
        list[str],
        typer.Option(
            metavar="PATTERN",
            help="Weight files of Keras, HDF5 or .keras: a folder, or 'folder/*.hdf5'. May be given several times.",
        ),
    ],
    dataset: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="fashion, digits, cifar10, or an .npz file.")
    ] = "fashion",
    images_channels_first: Annotated[
        bool | None,
        typer.Option(
            "--images-channels-first/--images-channels-last",
            help="The images of the file are [size, channels, height, width], or not although they look so.",
        ),
    ] = None,
    architecture: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="The network of the files: TOML or JSON with layers, a run's recipe.toml or run.json, or a model that "
            "Keras saved; one for all, or one for each --weights, in their order. "
            "Default: the one that each file tells, or the notebook's.",
        ),
    ] = None,
    channels_first: Annotated[
        bool,
        typer.Option(
            "--channels-first", help="Weights that do not tell their network are of one that counted channels first."
        ),
    ] = False,
    engine: Engine = None,
    device: Device = None,
    threads: Threads = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            callback=home_path,
            help="Where the report goes; default: evaluation below ./results or DEEPCHORD_RESULTS.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate weight files that any Keras saved, as one ensemble, whose networks may differ; needs no broker."""
    from deepchord.shared.command_line import new_console
    from deepchord.shared.settings import load_settings, path_on_host
    from deepchord.worker.evaluation import evaluate_command
    from deepchord.worker.resources import Resources

    settings = load_settings(engine=engine, device=device, threads=threads)
    evaluated = _evaluate_files(
        Resources(settings),
        _load_dataset(dataset, images_channels_first),
        weights,
        architecture or [],
        channels_first=channels_first,
        command=evaluate_command(
            weights,
            dataset,
            architecture or [],
            channels_first=channels_first,
            images_channels_first=images_channels_first,
        ),
    )
    write_report: WriteReport = context.obj
    console = new_console()
    table, as_data, page = write_report(evaluated, out or settings.results / "evaluation", console.width)
    if as_json:
        typer.echo(as_data)
        return
    console.print(table)
    typer.echo(f"Report: {path_on_host(page, settings).as_uri()}")


def _load_dataset(name: str, images_channels_first: bool | None) -> "Dataset":
    from deepchord.shared.datasets import Places, find_dataset
    from deepchord.shared.settings import keras_home

    return find_dataset(name, Places(keras_home=keras_home()), images_channels_first, labels_are_classes=True)


def _evaluate_files(
    resources: "Resources",
    dataset: "Dataset",
    weights: list[str],
    architectures: list[Path],
    *,
    channels_first: bool,
    command: str,
) -> EvaluatedFiles:
    """Evaluate the files that patterns name as one ensemble; write notes about them to stderr first."""
    from deepchord.worker.evaluation import (
        Evaluator,
        check_images,
        evaluate_members,
        find_groups,
        name_members,
        read_members,
        weight_candidates,
        weight_notes,
    )

    groups, notes = find_groups(weights, architectures)
    image_shape, classes = dataset.x_train.shape[1:], len(dataset.class_names)
    files = read_members(groups, image_shape, classes, channels_first=channels_first)
    check_images(files, dataset)
    for note in [*notes, *weight_notes(files)]:
        typer.echo(f"note: {note}.", err=True)
    candidates = weight_candidates(files)
    evaluator = Evaluator(engine=resources.engine, trainer=resources.trainer)
    ensemble = evaluate_members(evaluator, dataset, candidates, requested=len(candidates))
    title, names = name_members([file.path for file in files])
    return EvaluatedFiles(
        title=title,
        command=command,
        member_names=dict(enumerate(names)),
        evaluation=ensemble.evaluation,
        dataset=dataset,
        probabilities=ensemble.probabilities,
    )
