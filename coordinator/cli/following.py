"""Follows the run that a command has submitted, and says what goes on when the command ends before it."""

from typing import TYPE_CHECKING

import typer

from deepchord.coordinator.cli.context import command_hint
from deepchord.shared.errors import (
    InterruptedRunError,
    OutputClosedError,
    OutputError,
    StorageError,
    WorkersStoppedError,
)

if TYPE_CHECKING:
    from deepchord.coordinator.cli.broker_session import Session
    from deepchord.shared.messages import RunSpec
    from deepchord.shared.storage import RunStore

# Heavy modules are imported where they are needed, so that `deepchord --help` answers in a blink.


def told(session: "Session") -> list[str]:
    """Return what is to be seen beside a run while it is trained."""
    return [f"Flower: {session.flower_address}"] if session.flower_address else []


def follow(session: "Session", store: "RunStore", run: "RunSpec") -> "RunSpec":
    """Show a run until it has ended, and return it as it was then: somebody may have extended it.

    Raises:
        InterruptedRunError: Somebody pressed Ctrl-C; what goes on is said.
        OutputError: The output cannot be written, or nobody reads it any more; what goes on is said.
        RunFailedError: It ended without an evaluation.
        RunCancelledError: Somebody cancelled it.
        StorageError: Storage was away for too long; what goes on is said.
        WorkersStoppedError: The workers of this machine died again and again, or were told to stop.
    """
    from deepchord.coordinator.monitoring import raise_if_failed, show, watch_run
    from deepchord.shared.command_line import new_console

    resuming = command_hint(f"resume {run.run_id}", session.settings, embedded=True)
    if session.embedded:
        goes_on = f"the workers are stopped; {resuming} goes on from where it is."
    else:
        watching = command_hint(f"watch {run.run_id}", session.settings)
        goes_on = f"run {run.run_id} goes on at the workers; {watching} follows it."
    try:
        seen = watch_run(session.settings, store, run, session.check, embedded=session.embedded)
        view = show(seen, new_console(), told(session))
    except KeyboardInterrupt:
        if session.embedded:  # which takes a while
            typer.echo("Stopping the workers, which save what they have; Ctrl-C once more kills them.", err=True)
        raise InterruptedRunError(f"Interrupted: {goes_on}") from None
    except OutputClosedError as error:
        raise OutputClosedError(f"Nobody reads the output any more: {goes_on}") from error
    except OutputError as error:
        raise OutputError(f"{error} Following it ended: {goes_on}") from error
    except StorageError as error:
        raise StorageError(f"{error} Following it ended: {goes_on}", permanent=error.permanent) from error
    except WorkersStoppedError as error:
        raise WorkersStoppedError(f"{error}\nWhat was trained is saved; {resuming} goes on.") from error
    raise_if_failed(view)
    return view.run
