"""The commands that need an engine or a device: worker, devices, doctor, evaluate."""

import json
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from deepchord.shared.command_line import home_path
from deepchord.shared.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy import float32
    from numpy.typing import NDArray
    from rich.console import RenderableType

    from deepchord.shared.datasets import Dataset
    from deepchord.shared.messages import EnsembleEvaluation

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers in a blink.

commands = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


def run(*arguments: str) -> None:
    """Run one of these commands alone, as a process of `deepchord.worker.devices.command_of` does."""
    commands(list(arguments))


Broker = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Redis or Valkey: redis://[:password@]host:6379/0. [DEEPCHORD_BROKER]"),
]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The storage that all share, from here: a folder, s3://bucket/…, broker://. [DEEPCHORD_STORAGE]",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(help="tensorflow, torch, jax, plaidml, or auto for the first installed. [DEEPCHORD_ENGINE]"),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="ID", help="A device of the engine, from `deepchord devices`; gpu or cpu: its best. [DEEPCHORD_DEVICE]"
    ),
]
Threads = Annotated[
    int | None, typer.Option(help="Processor threads of each; default: all cores, shared evenly. [DEEPCHORD_THREADS]")
]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts instead of a table.")]


class WriteReport(Protocol):
    """Writes the report of an evaluation; the entry module, which knows both sides, hands it in."""

    def __call__(
        self,
        *,
        title: str,
        command: str,
        member_names: "Mapping[int, str]",
        evaluation: "EnsembleEvaluation",
        dataset: "Dataset",
        test_probabilities: "NDArray[float32]",
        folder: Path,
        width: int,
    ) -> "tuple[RenderableType, str, Path]":
        """Write it into a folder; return a table for a terminal so wide, the same as JSON, and the page's path.

        The page says with which command it is had again.
        """
        ...


@commands.command()
def worker(
    broker: Broker = None,
    storage: Storage = None,
    engine: Engine = None,
    device: Device = None,
    workers: Annotated[
        int | None, typer.Option(help="How many on each device; default: what a measurement finds. [DEEPCHORD_WORKERS]")
    ] = None,
    threads: Threads = None,
    name: Annotated[str | None, typer.Option(help="How Flower calls it; default: the engine and this host.")] = None,
    loglevel: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Train members on this machine until Ctrl-C: takes them from the broker, puts weights into storage.

    Starts workers for each GPU, or for the processor if there is none; --engine and --device choose one. How many of
    them train fastest together is measured once, unless --workers or --threads is given.
    """
    from deepchord.shared.broker import probe_broker
    from deepchord.shared.host import choose_engine
    from deepchord.shared.logs import configure_logging
    from deepchord.shared.settings import export_settings, load_settings
    from deepchord.shared.storage import RunStore
    from deepchord.worker.devices import claimed, command_of, find_assignments, named, planned
    from deepchord.worker.launch import run_worker
    from deepchord.worker.service import run_each

    settings = load_settings(
        broker=broker, storage=storage, engine=engine, device=device, workers=workers, threads=threads
    )
    probe_broker(settings)
    RunStore.open(settings).check_writable()
    chosen = choose_engine(settings.engine)
    with ExitStack() as stack:
        wanted: list[tuple[str, str | None]] = [(chosen, settings.device)]
        if settings.device in (None, "gpu", "cpu") and settings.engine == "auto":
            found = find_assignments(settings)
            holders = [stack.enter_context(claimed(settings, one)) for one in found]
            free = [one for one, holder in zip(found, holders, strict=True) if holder is None]
            if not free:
                listed = ", ".join(holder for holder in holders if holder is not None)
                raise EngineError(
                    f"Another worker of this user trains on all there is here ({listed}); "
                    "to start a second one on the same device, give that with --engine and --device, and another "
                    "name with --name."
                )
            wanted = [(one.engine, one.device.id) for one in free]
        starts = tuple(start for one in wanted for start in planned(settings, *one, typer.echo, devices=len(wanted)))
        starts = starts if name is None else named(starts, name)
        if len(starts) == 1:
            (start,) = starts
            run_worker(start.settings(settings), start.name, loglevel)
        together = starts[0].settings(settings).for_workers(len(starts))
        export_settings(settings.model_copy(update={"evaluation_threads": together.evaluation_threads}))
        configure_logging(settings)
        raise typer.Exit(run_each((start.name, command_of(start, loglevel)) for start in starts))


@commands.command()
def devices(as_json: Json = False) -> None:
    """List what each engine can train on here, and what to do for those that cannot."""
    from deepchord.shared.command_line import new_console
    from deepchord.shared.settings import load_settings
    from deepchord.worker.devices import devices_table, report_engines

    reports = report_engines(load_settings())
    if as_json:
        typer.echo(json.dumps([asdict(report) for report in reports], indent=1))
        return
    new_console().print(devices_table(reports))


@commands.command()
def doctor(
    broker: Broker = None,
    storage: Storage = None,
    engine: Engine = None,
    device: Device = None,
    threads: Threads = None,
) -> None:
    """Examine broker, storage and device: what works, what does not, and what to do; fit to be pasted into an issue."""
    from deepchord.shared.host import choose_engine, installed_engines
    from deepchord.shared.settings import load_settings
    from deepchord.worker.diagnostics import examine_in_child, tell_of_way

    settings = load_settings(broker=broker, storage=storage, engine=engine, device=device, threads=threads)
    code = tell_of_way(settings)
    if settings.engine != "auto" or installed_engines():
        choose_engine(settings.engine)
        code = max(code, examine_in_child(settings))
    else:
        typer.echo("engine     none is installed; only workers need one")
    raise typer.Exit(code)


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
    from deepchord.shared.datasets import Places, find_dataset
    from deepchord.shared.settings import keras_home, load_settings, path_on_host
    from deepchord.worker.evaluation import (
        check_images,
        command_of,
        find_groups,
        names_of,
        notes_of,
        read_members,
        weight_candidates,
    )
    from deepchord.worker.evaluation import evaluate as evaluate_ensemble
    from deepchord.worker.resources import Resources

    settings = load_settings(engine=engine, device=device, threads=threads)
    resources = Resources(settings)
    groups, notes = find_groups(weights, architecture or [])
    places = Places(keras_home=keras_home())
    data = find_dataset(dataset, places, images_channels_first, labels_are_classes=True)
    files = read_members(groups, data.x_train.shape[1:], len(data.class_names), channels_first=channels_first)
    check_images(files, data)
    for note in [*notes, *notes_of(files)]:
        typer.echo(f"note: {note}.", err=True)
    candidates = weight_candidates(files)
    ensemble = evaluate_ensemble(resources.engine, resources.trainer, None, data, candidates, len(candidates))
    title, names = names_of([file.path for file in files])
    write_report: WriteReport = context.obj
    console = new_console()
    table, as_data, page = write_report(
        title=title,
        command=command_of(
            weights,
            dataset,
            architecture or [],
            channels_first=channels_first,
            images_channels_first=images_channels_first,
        ),
        member_names=dict(enumerate(names)),
        evaluation=ensemble.evaluation,
        dataset=data,
        test_probabilities=ensemble.test_probabilities,
        folder=out or settings.results / "evaluation",
        width=console.width,
    )
    if as_json:
        typer.echo(as_data)
        return
    console.print(table)
    typer.echo(f"Report: {path_on_host(page, settings).as_uri()}")
