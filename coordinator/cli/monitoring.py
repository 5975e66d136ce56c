"""The commands that look at a run and at workers: status, watch, collect, report, track, workers, metrics, flower."""

from dataclasses import replace
from importlib.util import find_spec
from threading import Event
from typing import Annotated

import typer

from deepchord.coordinator.cli.context import (
    collect_results,
    find_run,
    open_run,
    open_store,
    print_json,
    read_settings,
    warn_if_outdated,
    with_live_broker,
)
from deepchord.coordinator.cli.listing import labels_line
from deepchord.coordinator.cli.options import Broker, Json, Notify, Out, Run, Storage, Track
from deepchord.coordinator.cli.views_as_json import print_views, view_as_json
from deepchord.shared.errors import BrokerError, InputError, InterruptedRunError

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers at once.

commands = typer.Typer(add_completion=False)


@commands.command()
def status(run: Run, broker: Broker = None, storage: Storage = None, as_json: Json = False) -> None:
    """Show how far a run is, once."""
    from deepchord.coordinator.monitoring import render, unreachable_broker, view_run
    from deepchord.shared.command_line import new_console

    settings, store, spec = open_run(run, storage=storage, broker=broker)
    view = view_run(settings, store, spec)
    if not view.has_ended:
        view = replace(view, stall_reason=unreachable_broker(settings, store, spec))
    studies = store.study_names(spec.run_id)
    if as_json:
        print_json(view_as_json(view) | {"studies": studies})
        return
    console = new_console()
    console.print(render(view, console.width))
    if known := labels_line(spec.labels):
        typer.echo(known)
    if studies:
        typer.echo(f"Studies, by `deepchord evaluate`: {', '.join(studies)}")


@commands.command()
def watch(
    run: Run,
    broker: Broker = None,
    storage: Storage = None,
    as_json: Json = False,
    notify: Notify = None,
    track: Track = None,
) -> None:
    """Follow a run until it ends, from any host that sees broker and storage; Ctrl-C leaves the run alone.

    With `members = "auto"` it ends with enough members. With --json, one line each time that something has changed.
    """
    from deepchord.coordinator.monitoring import outcome, raise_if_failed, show, watch_run
    from deepchord.coordinator.running import observing
    from deepchord.coordinator.runs import decide_members
    from deepchord.shared.command_line import new_console
    from deepchord.shared.process import terminations_as_interrupts

    settings, store, spec = open_run(run, storage=storage, broker=broker, notify=notify or None, track=track or None)
    try:
        with terminations_as_interrupts(), observing(settings, store) as observers:
            views = observers.follow(watch_run(settings, store, spec))
            view = print_views(views) if as_json else show(views, new_console())
    except KeyboardInterrupt:
        raise InterruptedRunError(f"Stopped watching; run {spec.run_id} goes on.") from None
    raise_if_failed(view)
    if view.evaluation and not as_json:
        if decision := decide_members(view.run, view.evaluation):
            typer.echo(decision.reason)
        typer.echo(f"{outcome(view.run, view.evaluation)}; `deepchord collect {spec.run_id}` copies the results here.")


@commands.command()
def collect(
    run: Run,
    out: Out = None,
    broker: Broker = None,
    storage: Storage = None,
    as_json: Json = False,
) -> None:
    """Copy a run's results here: weights, evaluation, tables, figures and the report page."""
    settings, store, spec = open_run(run, storage=storage, broker=broker)
    collect_results(settings, store, spec, out or settings.results / spec.run_id, as_json=as_json)


@commands.command()
def report(
    run: Run,
    out: Out = None,
    broker: Broker = None,
    storage: Storage = None,
    as_json: Json = False,
) -> None:
    """Show a run's summary table and write its tables, figures and page, without the weights."""
    from deepchord.coordinator.report import summary_json, summary_table, write_run_report
    from deepchord.shared.command_line import new_console
    from deepchord.shared.settings import path_on_host

    settings, store, spec = open_run(run, storage=storage, broker=broker)
    content, page = write_run_report(settings, store, spec, out or settings.results / spec.run_id)
    warn_if_outdated(content, spec)
    if as_json:
        typer.echo(summary_json(content))
        return
    console = new_console()
    console.print(summary_table(content, console.width))
    typer.echo(f"Report: {path_on_host(page, settings).as_uri()}")


@commands.command()
def workers(broker: Broker = None, storage: Storage = None, as_json: Json = False) -> None:
    """List the workers of all hosts: device, version, the member at work, its epoch and speed."""
    from redis import RedisError

    from deepchord.coordinator.monitoring import list_workers, worker_table
    from deepchord.shared.broker import connect, describe_error
    from deepchord.shared.command_line import new_console, print_table

    settings = with_live_broker(read_settings(broker=broker, storage=storage))
    with connect(settings) as client:
        try:
            rows = list_workers(client, open_store(settings))
        except RedisError as error:
            raise BrokerError(f"The broker does not tell of workers: {describe_error(error)}.") from error
    if as_json:
        print_json([row.as_json() for row in rows])
    elif rows:
        console = new_console()
        print_table(worker_table(rows, console.width if console.is_terminal else None))
    else:
        typer.echo("No worker is connected to this broker; `deepchord worker` starts one.")


@commands.command()
def track(
    run: Run,
    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND:PLACE…", help="mlflow:URI, tensorboard:FOLDER, trackio; default: those of DEEPCHORD_TRACK."
        ),
    ] = None,
    storage: Storage = None,
) -> None:
    """Record a run in MLflow, TensorBoard or Trackio: parameters, epochs, scores, report; what is there is left."""
    from deepchord.coordinator.tracking import open_trackers, record_run

    settings = read_settings(storage=storage, track=places or None)
    if not settings.track:
        raise InputError(
            "Nothing says where the run is to be recorded: give mlflow:URI, tensorboard:FOLDER or trackio."
        )
    store, spec = find_run(settings, run)
    for tracker in open_trackers(settings.track, store):
        record_run(settings, store, spec, tracker, with_report=True)
        typer.echo(f"Run {spec.run_id} is recorded: {tracker.label}.")


@commands.command()
def metrics(
    broker: Broker = None,
    storage: Storage = None,
    address: Annotated[str, typer.Option(help="Where to listen; beyond this machine anybody may ask.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 9540,
) -> None:
    """Serve the fleet's gauges for Prometheus, until Ctrl-C; `deepchord files grafana.json` prints a dashboard."""
    from deepchord.shared.host import how_to_install
    from deepchord.shared.process import terminations_as_interrupts

    if find_spec("prometheus_client") is None:
        raise InputError(f"Metrics need another package: {how_to_install('metrics')}.")
    from deepchord.coordinator.monitoring.prometheus import serving_metrics

    settings = with_live_broker(read_settings(broker=broker, storage=storage))
    try:
        with terminations_as_interrupts(), serving_metrics(settings, address, port) as served:
            typer.echo(f"Metrics: {served}")
            Event().wait()
    except KeyboardInterrupt:
        raise InterruptedRunError("Interrupted: the gauges are served no more.") from None


@commands.command()
def flower(
    broker: Broker = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one. [DEEPCHORD_FLOWER_PORT]")] = None,
) -> None:
    """Start Flower on this machine, through deepchord's own Celery settings, until Ctrl-C."""
    from deepchord.coordinator.monitoring import running_flower
    from deepchord.shared.process import terminations_as_interrupts

    settings = with_live_broker(read_settings(broker=broker, flower_port=port))
    try:
        with terminations_as_interrupts(), running_flower(settings) as process:
            typer.echo(f"Flower: {process.address}")
            process.wait()
    except KeyboardInterrupt:
        raise InterruptedRunError("Interrupted: Flower is stopped.") from None
