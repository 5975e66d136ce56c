"""The commands of the coordinator: train, runs, status, watch, collect, report, flower."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.errors import DeepchordError, InputError, InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from coordinator.progress import RunView
    from shared.messages import RunSpec
    from shared.settings import Settings
    from shared.storage import RunStore

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers in a blink.

commands = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or `last` for the latest.")]
Broker = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Redis or Valkey: redis://[:password@]host:6379/0. [DEEPCHORD_BROKER]"),
]
Storage = Annotated[
    str | None, typer.Option(metavar="URL", help="Shared storage: a folder or file:///folder. [DEEPCHORD_STORAGE]")
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where the results go; default: RUN below ./results or DEEPCHORD_RESULTS."),
]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts instead of a table.")]


@commands.command()
def train(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="[RECIPE.TOML]", help="A recipe file; options go before what it says.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="What to start from: quick or notebook.")] = None,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="fashion, digits, cifar10, or an .npz file.")
    ] = None,
    members: Annotated[int | None, typer.Option(help="How many networks the ensemble has.")] = None,
    architecture: Annotated[
        str | None, typer.Option(metavar="FILE.TOML", help="The network; default: the notebook's.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="At most so many passes over a member's training split.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per training step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same members; drawn at random if not given.")] = None,
    min_members: Annotated[
        int | None, typer.Option(help="Evaluate if at least so many members could be trained; default: half.")
    ] = None,
    require: Annotated[
        str | None,
        typer.Option(
            metavar="ENGINE|gpu|cpu", help="Only workers with this engine or kind of device train the members."
        ),
    ] = None,
    broker: Broker = None,
    storage: Storage = None,
    local: Annotated[
        bool,
        typer.Option(
            "--local",
            help="An embedded broker and workers on this machine; the default without a broker. [DEEPCHORD_LOCAL]",
        ),
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="How many workers to start with --local. [DEEPCHORD_WORKERS]")
    ] = None,
    detach: Annotated[
        bool,
        typer.Option(
            "--detach", help="Submit and return; `deepchord watch RUN` follows it from any host. [DEEPCHORD_DETACH]"
        ),
    ] = False,
    flower: Annotated[
        bool, typer.Option("--flower", help="Start Flower beside it, on this machine only. [DEEPCHORD_FLOWER]")
    ] = False,
    out: Out = None,
) -> None:
    """Train an ensemble, evaluate it, and write its report.

    Without a broker everything runs on this machine. With one, whichever workers listen to it train the members.
    """
    from coordinator.following import raise_if_failed, views
    from coordinator.live import show
    from coordinator.preparation import open_broker, prepare
    from coordinator.submission import submit
    from shared.celery_app import create_app

    options = {
        "preset": preset,
        "dataset": dataset,
        "members": members,
        "architecture": architecture,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "min_members": min_members,
        "require": require,
    }
    if local and broker:
        raise InputError("--local starts a broker of its own: give either --local or --broker, not both.")
    if workers and broker:
        raise InputError(
            "--workers is for the workers that `train` starts itself; with --broker, start `deepchord worker`."
        )
    settings = _settings(
        broker=broker,
        storage=storage,
        workers=workers,
        local=local or None,
        detach=detach or None,
        flower=flower or None,
    )
    store, run = prepare(settings, recipe, options)
    with open_broker(settings) as session:
        if session.flower_address:
            typer.echo(f"Flower: {session.flower_address}")
        submit(create_app(session.settings), store, run)
        if settings.detach:
            typer.echo(f"Run {run.run_id} is submitted; follow it with `deepchord watch {run.run_id}`.")
            return
        try:
            view = show(views(session.settings, store, run, session.check), _console())
        except KeyboardInterrupt:
            raise InterruptedRunError(_interrupted(run, embedded=session.embedded)) from None
        raise_if_failed(view)
    _collect(settings, store, run, out or settings.results / run.run_id)


@commands.command()
def runs(storage: Storage = None, as_json: Json = False) -> None:
    """List the runs in storage, oldest first."""
    from rich.table import Table
    from rich.text import Text

    from coordinator.results import summary

    store = _store(_settings(storage=storage))
    found = []
    for run_id in store.run_ids():
        try:
            found.append(summary(store.run(run_id), store))
        except DeepchordError as error:
            typer.echo(f"warning: run {run_id} was left out: {error}", err=True)
    if as_json:
        _print_json(found)
        return
    if not found:
        typer.echo(f"There are no runs in {store.objects.url} yet; `deepchord train` starts one.")
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("run", "started (UTC)", "state", "preset", "data set", "members", "test accuracy"):
        table.add_column(name)
    for line in found:
        accuracy = line["ensemble_test_accuracy"]
        table.add_row(
            line["run_id"],
            line["created_at"][:16].replace("T", " "),
            line["state"],
            line["preset"],
            Text(line["dataset"]),
            f"{line['ended']}/{line['members']}",
            "" if accuracy is None else f"{accuracy:.2%}",
        )
    _console().print(table)


@commands.command()
def status(run: Run, broker: Broker = None, storage: Storage = None, as_json: Json = False) -> None:
    """Show how far a run is, once."""
    from coordinator.following import watcher
    from coordinator.live import render

    settings, store, spec = _open_run(run, storage=storage, broker=broker)
    view = watcher(settings, store, spec).look()
    if as_json:
        _print_json(_view_json(view))
    else:
        console = _console()
        console.print(render(view, console.width))


@commands.command()
def watch(run: Run, broker: Broker = None, storage: Storage = None, as_json: Json = False) -> None:
    """Follow a run until it ends, from any host that sees broker and storage; Ctrl-C leaves the run alone.

    With --json, one line each time that something has changed.
    """
    from coordinator.following import raise_if_failed, views
    from coordinator.interruptions import terminations_interrupting
    from coordinator.live import show

    settings, store, spec = _open_run(run, storage=storage, broker=broker)
    seen = views(settings, store, spec)
    try:
        with terminations_interrupting():
            view = _print_views(seen) if as_json else show(seen, _console())
    except KeyboardInterrupt:
        raise InterruptedRunError(f"Stopped watching; run {spec.run_id} goes on.") from None
    raise_if_failed(view)
    if view.evaluation and not as_json:
        typer.echo(
            f"Ensemble test accuracy {view.evaluation.test.accuracy:.2%}; "
            f"`deepchord collect {spec.run_id}` copies the results here."
        )


@commands.command()
def collect(
    run: Run,
    out: Out = None,
    storage: Storage = None,
    as_json: Json = False,
) -> None:
    """Copy a run's results here: weights, evaluation, tables, figures and the report page."""
    settings, store, spec = _open_run(run, storage=storage)
    _collect(settings, store, spec, out or settings.results / spec.run_id, as_json=as_json)


@commands.command()
def report(
    run: Run,
    out: Out = None,
    storage: Storage = None,
    as_json: Json = False,
) -> None:
    """Show a run's summary table and write its tables, figures and page, without the weights."""
    from coordinator.report import summary_table
    from coordinator.report.summary import summary_json
    from coordinator.results import write_run_report

    settings, store, spec = _open_run(run, storage=storage)
    content, page = write_run_report(settings, store, spec, out or settings.results / spec.run_id)
    if as_json:
        typer.echo(summary_json(content))
        return
    console = _console()
    console.print(summary_table(content, console.width))
    typer.echo(f"Report: {page.resolve().as_uri()}")


@commands.command()
def flower(
    broker: Broker = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one. [DEEPCHORD_FLOWER_PORT]")] = None,
) -> None:
    """Start Flower on this machine, through deepchord's own Celery settings, until Ctrl-C."""
    from coordinator.flower import running_flower

    settings = _with_live_broker(_settings(broker=broker, flower_port=port))
    with running_flower(settings) as process:
        typer.echo(f"Flower: {process.address}")
        try:
            process.wait()
        except KeyboardInterrupt:
            return


def main() -> None:
    """Run the coordinator's commands alone: `python -m coordinator`."""
    from shared.commands import run_commands

    run_commands(commands)


def _settings(**options: Any) -> "Settings":
    from shared.settings import load_settings

    return load_settings(**options)


def _store(settings: "Settings") -> "RunStore":
    from shared.storage import RunStore

    return RunStore.open(settings.storage)


def _open_run(name: str, **options: Any) -> "tuple[Settings, RunStore, RunSpec]":
    settings = _with_live_broker(_settings(**options), required=False)
    store = _store(settings)
    if name == "last":
        found = store.run_ids()
        if not found:
            raise InputError(f"There are no runs in {store.objects.url} yet; `deepchord train` starts one.")
        name = found[-1]
    return settings, store, store.run(name)


def _with_live_broker(settings: "Settings", *, required: bool = True) -> "Settings":
    """Without a broker of our own, take the embedded one of a `deepchord train` that runs on this machine."""
    from coordinator.local import live_brokers

    if settings.broker is not None:
        return settings
    live = live_brokers(settings)
    if len(live) == 1:
        return settings.model_copy(update={"broker": live[0]})
    if not required:
        return settings
    found = "none is running on this machine" if not live else f"{len(live)} are running on this machine"
    raise InputError(f"No broker is given, and of the embedded ones {found}: set --broker or DEEPCHORD_BROKER.")


def _console() -> "Console":
    from rich.console import Console

    return Console()


def _collect(settings: "Settings", store: "RunStore", run: "RunSpec", out: Path, *, as_json: bool = False) -> None:
    from coordinator.report import summary_table
    from coordinator.results import collect_run

    content, files = collect_run(settings, store, run, out)
    if as_json:
        _print_json({"run_id": run.run_id, "folder": str(out.resolve()), "files": [str(path) for path in files]})
        return
    console = _console()
    console.print(summary_table(content, console.width))
    typer.echo(f"Results: {out}\nReport:  {(out / 'index.html').resolve().as_uri()}")


def _interrupted(run: "RunSpec", *, embedded: bool) -> str:
    if embedded:
        return f"Interrupted: the workers are stopped; what run {run.run_id} has trained stays in storage."
    return f"Interrupted: run {run.run_id} goes on at the workers; `deepchord watch {run.run_id}` follows it."


def _view_json(view: "RunView") -> dict[str, Any]:
    return {
        "run_id": view.run.run_id,
        "state": view.state,
        "members": view.run.members,
        "trained": view.trained,
        "share_done": round(view.share_done, 4),
        "elapsed_s": round(view.elapsed_s(), 1),
        "live": view.live,
        "ensemble_so_far": None if view.so_far is None else view.so_far.test_accuracy,
        "records": {index: record.member.model_dump(mode="json") for index, record in view.records.items()},
        "progress": {index: line.model_dump(mode="json") for index, line in view.progress.items()},
        "notes": dict(view.notes),
        "evaluation": view.evaluation.model_dump(mode="json") if view.evaluation else None,
        "failure": view.failure.model_dump(mode="json") if view.failure else None,
    }


def _print_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=1))


def _print_views(views: "Iterable[RunView]") -> "RunView":
    """Print a line of JSON for each view that differs from the one before, but for the time that went by."""
    before: dict[str, Any] = {}
    for view in views:
        now = _view_json(view)
        if {**now, "elapsed_s": 0} != {**before, "elapsed_s": 0}:
            typer.echo(json.dumps(now))
        before = now
    return view
