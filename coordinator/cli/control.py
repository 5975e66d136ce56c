"""The commands that change what is under way: cancel, drain, reconcile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepchord.coordinator.cli.context import find_run, open_store, read_settings, with_live_broker
from deepchord.coordinator.cli.options import Broker, Force, Notify, Run, Storage, Track
from deepchord.shared.command_line import home_path
from deepchord.shared.errors import InputError, InterruptedRunError

if TYPE_CHECKING:
    from deepchord.shared.settings import Settings

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers at once.

commands = typer.Typer(add_completion=False)


@commands.command()
def cancel(
    run: Run,
    member: Annotated[int | None, typer.Option(help="Only this member: it becomes a failed record.")] = None,
    force: Force = False,
    broker: Broker = None,
    storage: Storage = None,
) -> None:
    """Stop a run, or one of its members, within seconds; `resume` goes on with a run from its last saved epochs."""
    from deepchord.coordinator.runs import cancel_member, cancel_run, check_owner

    settings = read_settings(broker=broker, storage=storage)
    store, spec = find_run(settings, run)
    check_owner(settings, spec, "cancel", force=force)
    if member is not None:
        cancel_member(store, spec, member, settings.host)
        typer.echo(f"Member {member} of run {spec.run_id} is cancelled.")
        return
    cancel_run(store, spec, settings.host)
    typer.echo(f"Run {spec.run_id} is cancelled; `deepchord resume {spec.run_id}` goes on with it.")


@commands.command()
def drain(
    worker: Annotated[
        str, typer.Argument(metavar="WORKER", help="Its name, any part that only one has, or a pattern: '*@host'.")
    ],
    broker: Broker = None,
) -> None:
    """Let a worker hand its member over and stop; another one goes on from the last saved epoch."""
    from deepchord.coordinator.runs import drain as drain_workers
    from deepchord.shared.queue import create_app

    settings = with_live_broker(read_settings(broker=broker))
    for name in drain_workers(create_app(settings), worker):
        typer.echo(f"{name} hands its member over and stops.")


@commands.command()
def reconcile(
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="The run's id, or `last` for the latest.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every run in storage, also those still to come.")] = False,
    alive: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=home_path,
            help="With --all: a file to touch after each look, for a health check.",
        ),
    ] = None,
    broker: Broker = None,
    storage: Storage = None,
    notify: Notify = None,
    track: Track = None,
) -> None:
    """Send again what got lost, until the run has ended; with --all until Ctrl-C, as a service.

    `train` and `watch` do so for the run that they follow. Runs with `members = "auto"` get the members that help, as
    from `train`.
    """
    from deepchord.shared.logs import configure_logging

    if (run is None) != everything:
        raise InputError("Give either a run or --all.")
    if alive is not None and not everything:
        raise InputError("--alive is for --all, which goes on for ever.")
    settings = read_settings(broker=broker, storage=storage, notify=notify or None, track=track or None)
    configure_logging(settings)
    if run is None:
        _reconcile_all(settings, alive)
    else:
        _reconcile_run(settings, run)


def _reconcile_all(settings: "Settings", alive: Path | None) -> None:
    from deepchord.coordinator.reconciliation import reconcile_all
    from deepchord.coordinator.running import observing, showing_reconciled_runs

    store = open_store(settings)
    with _reconciling(settings, "runs lose"), observing(settings, store) as observers:
        observe = showing_reconciled_runs(settings, store, observers)
        reconcile_all(settings, store, _touching(alive) if alive else lambda: None, observe)


def _reconcile_run(settings: "Settings", name: str) -> None:
    from deepchord.coordinator.monitoring import raise_if_failed, view_run
    from deepchord.coordinator.reconciliation import reconcile_run
    from deepchord.coordinator.running import observing, showing_reconciled_runs
    from deepchord.coordinator.runs import decide_members

    store, spec = find_run(settings, name)
    with _reconciling(settings, "the run loses"), observing(settings, store) as observers:
        reconcile_run(settings, store, spec.run_id, showing_reconciled_runs(settings, store, observers))
    view = view_run(settings, store, store.run(spec.run_id))
    raise_if_failed(view)
    decision = decide_members(view.run, view.evaluation)
    typer.echo(f"Run {spec.run_id} is evaluated." if decision is None else decision.reason)


@contextmanager
def _reconciling(settings: "Settings", who_loses: str) -> Iterator[None]:
    """Check the broker before a block; on Ctrl-C, raise an error that tells what no longer happens."""
    from deepchord.shared.broker import refuse_unusable_broker
    from deepchord.shared.process import terminations_as_interrupts

    try:
        with terminations_as_interrupts():
            if settings.broker is not None:
                refuse_unusable_broker(settings)
            yield
    except KeyboardInterrupt:
        raise InterruptedRunError(f"Interrupted: this command does not send again any more what {who_loses}.") from None


def _touching(path: Path) -> Callable[[], None]:
    """Return a function that touches a file."""

    def touch() -> None:
        try:
            path.touch()
        except OSError as error:
            raise InputError(f"The file {path} of --alive cannot be touched: {error.strerror}.") from error

    return touch
