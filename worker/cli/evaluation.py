"""The command that evaluates weight files, or a run once more: evaluate."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepchord.shared.command_line import home_path
from deepchord.shared.errors import InputError
from deepchord.worker.cli.options import Broker, Device, Engine, Json, Storage, Threads

if TYPE_CHECKING:
    from rich.console import RenderableType

    from deepchord.worker.cli.evaluated import EvaluatedMembers

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers in a blink.

commands = typer.Typer(add_completion=False)


class Fit(StrEnum):
    """What is done with images of another shape than the networks take; see `Fitting`."""

    NONE = "none"
    RESIZE = "resize"


#: Writes a report into a folder; returns a table for a terminal of that width, the same as JSON, and the page's path.
#: The entry module, which knows both sides, passes it in.
WriteReport = Callable[["EvaluatedMembers", Path, int], "tuple[RenderableType, str, Path]"]


@commands.command()
def evaluate(
    context: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="A run that has ended, by its id, or `last`; or give --weights."),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Weight files of Keras, HDF5 or .keras: a folder, or 'folder/*.hdf5'. May be given several times.",
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="fashion, digits, cifar10, an .npz file, a folder of images: what `train` takes. Default: that of the "
            "run; for weights fashion.",
        ),
    ] = None,
    images_channels_first: Annotated[
        bool | None,
        typer.Option(
            "--images-channels-first/--images-channels-last",
            help="The images of the file are [size, channels, height, width], or not although they look so.",
        ),
    ] = None,
    ood: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="Also images of other kinds, which no member has learned, or rows of another table: how well are they "
            "told from the others?",
        ),
    ] = None,
    ood_channels_first: Annotated[
        bool | None,
        typer.Option(
            "--ood-channels-first/--ood-channels-last",
            help="The images of --ood are [size, channels, height, width], or not although they look so.",
        ),
    ] = None,
    fit: Annotated[
        Fit, typer.Option(help="Images of --ood of another shape: none refuses them, resize scales them.")
    ] = Fit.NONE,
    shift: Annotated[
        bool,
        typer.Option("--shift", help="Also the test images changed in seven ways, each in five strengths; minutes."),
    ] = False,
    name: Annotated[
        str | None, typer.Option(help="What the result of a run is called in storage; default: what was looked at.")
    ] = None,
    on_worker: Annotated[
        bool, typer.Option("--on-worker", help="A worker of the broker evaluates the run, not this machine.")
    ] = False,
    architecture: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="The network of weight files: TOML or JSON with layers, a run's recipe.toml or run.json, or a model "
            "that Keras saved; one for all, or one for each --weights, in their order. "
            "Default: the one that each file tells, or the notebook's.",
        ),
    ] = None,
    channels_first: Annotated[
        bool,
        typer.Option(
            "--channels-first", help="Weights that do not tell their network are of one that counted channels first."
        ),
    ] = False,
    broker: Broker = None,
    storage: Storage = None,
    engine: Engine = None,
    device: Device = None,
    threads: Threads = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            callback=home_path,
            help="Where the report goes; default: below ./results or DEEPCHORD_RESULTS.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate a run once more, or weight files that any Keras saved, as one ensemble; needs no broker.

    The evaluation that the run ended with stays as it is; the new result lies beside it in storage, under a name.
    """
    from deepchord.shared.command_line import new_console
    from deepchord.shared.settings import check_folder, load_settings, path_on_host
    from deepchord.worker.cli.evaluated import evaluate_files, evaluate_run
    from deepchord.worker.studies import StudyRequest, WeightPatterns, check_name

    patterns = WeightPatterns(
        weights=tuple(weights or ()), architectures=tuple(architecture or ()), channels_first=channels_first
    )
    if (run is None) == (not patterns.weights):
        raise InputError("Give either a run (or `last`), or --weights with weight files.")
    _refuse_options_of_the_other(
        {"--architecture": bool(architecture), "--channels-first": channels_first}
        if run is not None
        else {"--name": name is not None, "--on-worker": on_worker, "--storage": storage is not None},
        "weight files" if run is not None else "a run",
    )
    if ood is None and (fit is not Fit.NONE or ood_channels_first is not None):
        raise InputError("--fit and --ood-channels-first are for images of --ood, and none are given.")
    check_name(name)
    request = StudyRequest(
        name=name,
        dataset=dataset,
        images_channels_first=images_channels_first,
        unseen=ood,
        unseen_channels_first=ood_channels_first,
        fitting=fit.value,
        shifts=shift,
    )
    settings = load_settings(broker=broker, storage=storage, engine=engine, device=device, threads=threads)
    check_folder(out or settings.results, settings)
    if run is not None:
        evaluated, folder = evaluate_run(settings, run, request, on_worker=on_worker)
    else:
        evaluated, folder = evaluate_files(settings, patterns, request), Path("evaluation")
    write_report: WriteReport = context.obj
    console = new_console()
    table, as_data, page = write_report(evaluated, out or settings.results / folder, console.width)
    if as_json:
        typer.echo(as_data)
        return
    console.print(table)
    typer.echo(f"Report: {path_on_host(page, settings).as_uri()}")


def _refuse_options_of_the_other(given: dict[str, bool], what: str) -> None:
    """Raise `InputError` if an option is given that has no effect here."""
    without_effect = [option for option, is_given in given.items() if is_given]
    if without_effect:
        raise InputError(f"{' and '.join(without_effect)} can only be given for {what}.")
