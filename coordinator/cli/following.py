"""Brings a run to its end: opens the broker, starts the run there, follows it, and collects its results.

If the command ends before the run, the error tells what goes on.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deepchord.coordinator.cli.context import collect_results, command_hint, open_store
from deepchord.shared.errors import (
    CorruptObjectError,
    InputError,
    InterruptedRunError,
    OutputClosedError,
    OutputError,
    StorageError,
    WorkersStoppedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepchord.coordinator.running import BrokerSession, Observers
    from deepchord.shared.messages import RunSpec
    from deepchord.shared.settings import Settings
    from deepchord.shared.storage import RunStore

# Heavy modules are imported where they are needed, so that `deepchord --help` answers at once.


def check_options(
    settings: "Settings", workers: int | None, out: Path | None, observers: "list[str] | None" = None
) -> None:
    """Raise `InputError` for options that have no effect, and if results cannot be written to their folder.

    Args:
        settings: Of the command.
        workers: The option.
        out: The option.
        observers: What the options --notify and --track name, if they are given.
    """
    from deepchord.coordinator.runs import is_embedded
    from deepchord.shared.settings import check_folder

    if workers and not is_embedded(settings):
        raise InputError(
            "--workers is for the workers that this command starts itself; for those of a broker that is given (by "
            "--broker, DEEPCHORD_BROKER or the settings file), start `deepchord worker --workers`."
        )
    if settings.detach and out is not None:
        raise InputError("--detach does not wait for results: leave --out out, and give it to `deepchord collect`.")
    if settings.detach and observers:
        raise InputError(
            "--detach does not follow the run, so --notify and --track would do nothing: leave them out, and set "
            "DEEPCHORD_NOTIFY and DEEPCHORD_TRACK where `deepchord reconcile --all` runs."
        )
    if not settings.detach:
        check_folder(out or settings.results, settings)
        _check_observers(settings)


def _check_observers(settings: "Settings") -> None:
    """Raise `InputError` if somebody who is to be told of the run has no valid address: before data is published."""
    if settings.notify:
        from deepchord.coordinator.notification import open_recipients

        open_recipients(settings)
    if settings.track:
        from deepchord.coordinator.tracking import open_trackers

        open_trackers(settings.track, open_store(settings))


def check_not_trained_here(settings: "Settings", run: "RunSpec") -> None:
    """Raise `InputError` if another command on this machine trains the run with an embedded broker.

    Its queue is not this command's queue, so that each would train every member.
    """
    from deepchord.coordinator.local import session_of

    if session_of(settings, run.run_id) is not None:
        raise InputError(
            f"Run {run.run_id} is being trained by another command on this machine: "
            f"{command_hint(f'watch {run.run_id}', settings, embedded=True)} shows it. End that one first, with "
            "Ctrl-C or `deepchord cancel`."
        )


def run_to_end(
    settings: "Settings",
    store: "RunStore",
    run: "RunSpec",
    start: "Callable[[BrokerSession], RunSpec]",
    what_happens: str,
    out: Path | None,
) -> None:
    """Open the broker, start the run there, follow it until it has ended, and collect its results.

    Args:
        settings: Of this command.
        store: Shared storage.
        run: The run. Workers are chosen for all of its members, also if only a few are left: with another number of
            threads the last bits of the weights would differ.
        start: Sends the run to the broker, and returns it as it is then.
        what_happens: What happens to the run, such as `is submitted`; part of the sentence that `--detach` prints.
        out: Where the results go; None: the folder of the run.
    """
    from deepchord.coordinator.running import at_its_largest, observing, open_broker

    with observing(settings, store) as observers:
        with open_broker(settings, at_its_largest(run), typer.echo) as session:
            for line in _notices(session):
                typer.echo(line)
            run = start(session)
            if settings.detach:
                hint = command_hint(f"watch {run.run_id}", settings)
                typer.echo(f"Run {run.run_id} {what_happens}; follow it with {hint}.")
                return
            run = follow(session, store, run, observers)
            while (extended := _extended(session, store, run)) is not None:
                run = follow(session, store, extended, observers)
        _collect(settings, store, run, out)


def train_remaining(
    settings: "Settings", store: "RunStore", run: "RunSpec", publish: "Callable[[], RunSpec]", out: Path | None
) -> None:
    """Train the members of a run that have no record yet; see `run_to_end`.

    Args:
        settings: Of this command.
        store: Shared storage.
        run: The run.
        publish: Records in storage that the run goes on, and returns it as it is then. Called when all checks are done.
        out: Where the results go; None: the folder of the run.
    """
    from deepchord.coordinator.runs import submit_remaining
    from deepchord.shared.queue import create_app

    def start(session: "BrokerSession") -> "RunSpec":
        published = publish()
        submit_remaining(create_app(session.settings), store, published, local=session.embedded)
        return published

    run_to_end(settings, store, run, start, "goes on", out)


def _extended(session: "BrokerSession", store: "RunStore", run: "RunSpec") -> "RunSpec | None":
    """Add members to a run with `members = "auto"`; return None if no further member is to be added.

    Raises:
        InterruptedRunError: Somebody pressed Ctrl-C.
        StorageError: Storage does not answer.
    """
    from deepchord.coordinator.running import extend_by_itself

    goes_on = f"{command_hint(f'resume {run.run_id}', session.settings, embedded=session.embedded)} goes on."
    try:
        return extend_by_itself(session, store, run, typer.echo)
    except KeyboardInterrupt:
        raise InterruptedRunError(f"Interrupted between two extensions: {goes_on}") from None
    except StorageError as error:
        raise StorageError(f"{error} No members were added: {goes_on}", permanent=error.permanent) from error


def follow(
    session: "BrokerSession", store: "RunStore", run: "RunSpec", observers: "Observers | None" = None
) -> "RunSpec":
    """Show a run until it has ended, and return it as it is then: it may have been extended meanwhile.

    Raises:
        InterruptedRunError: Somebody pressed Ctrl-C.
        OutputError: The output cannot be written.
        OutputClosedError: Nobody reads the output any more.
        RunFailedError: The run ended without an evaluation.
        RunCancelledError: Somebody cancelled it.
        StorageError: Storage was away for too long.
        WorkersStoppedError: The workers of this machine died again and again, or were told to stop.
    """
    from deepchord.coordinator.monitoring import raise_if_failed, show, watch_run
    from deepchord.shared.command_line import new_console

    resume = command_hint(f"resume {run.run_id}", session.settings, embedded=True)
    if session.embedded:
        goes_on = f"the workers are stopped; {resume} goes on from where it is."
    else:
        watch = command_hint(f"watch {run.run_id}", session.settings)
        goes_on = f"run {run.run_id} goes on at the workers; {watch} follows it."
    try:
        views = watch_run(session.settings, store, run, session.check, embedded=session.embedded, extends=True)
        view = show(observers.follow(views) if observers else views, new_console(), _notices(session))
    except KeyboardInterrupt:
        if session.embedded:  # to stop them takes a while
            typer.echo("Stopping the workers, which save what they have; Ctrl-C once more kills them.", err=True)
        raise InterruptedRunError(f"Interrupted: {goes_on}") from None
    except OutputClosedError as error:
        raise OutputClosedError(f"Nobody reads the output any more: {goes_on}") from error
    except OutputError as error:
        raise OutputError(f"{error} Following it ended: {goes_on}") from error
    except StorageError as error:
        raise StorageError(f"{error} Following it ended: {goes_on}", permanent=error.permanent) from error
    except WorkersStoppedError as error:
        raise WorkersStoppedError(f"{error}\nWhat was trained is saved; {resume} goes on.") from error
    raise_if_failed(view)
    return view.run


def _notices(session: "BrokerSession") -> list[str]:
    """Return the lines that are shown below a run while it is trained: where Flower is."""
    return [f"Flower: {session.flower_address}"] if session.flower_address else []


def _collect(settings: "Settings", store: "RunStore", run: "RunSpec", out: Path | None) -> None:
    """Collect the results; if storage fails meanwhile, the error tells how to collect them later."""
    try:
        collect_results(settings, store, run, out or settings.results / run.run_id)
    except CorruptObjectError:
        raise
    except StorageError as error:
        raise StorageError(
            f"{error} Run {run.run_id} is evaluated and safe: "
            f"{command_hint(f'collect {run.run_id}', settings)} copies its results.",
            permanent=error.permanent,
        ) from error
