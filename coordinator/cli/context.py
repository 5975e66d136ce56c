"""What most commands begin and end with: settings, storage, a run; results, warnings, JSON."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deepchord.shared.errors import InputError

if TYPE_CHECKING:
    from deepchord.coordinator.report import AnyContent
    from deepchord.shared.messages import DatasetInfo, RunSpec
    from deepchord.shared.settings import Settings
    from deepchord.shared.storage import RunStore

# Heavy modules are imported where they are needed, so that `deepchord --help` answers at once.


def read_settings(**options: Any) -> "Settings":
    """Return the settings; see `load_settings`, which is imported when it is needed."""
    from deepchord.shared.settings import load_settings

    return load_settings(**options)


def command_hint(command: str, settings: "Settings", *, embedded: bool = False) -> str:
    """Return the command line that a person can type next, in backquotes, with the options that it needs.

    Args:
        command: The command and the run, `watch 20260504-030201-ab12`.
        settings: Those of the present command. `--storage` is added if its storage is not the usual one; for another
            broker a remark is added, because the URL may hold a password.
        embedded: Whether the run has an embedded broker, which the command finds without an option.
    """
    usual = read_settings()
    storage = "" if settings.storage == usual.storage else f" --storage {shlex.quote(settings.storage)}"
    # The URL of a broker may hold a password, which must not be printed.
    broker = "" if embedded or settings.broker == usual.broker else " with the same --broker"
    return f"`deepchord {command}{storage}`{broker}"


def open_store(settings: "Settings") -> "RunStore":
    """Return the storage of the settings."""
    from deepchord.shared.storage import RunStore

    return RunStore.open(settings)


def open_run(name: str, **options: Any) -> "tuple[Settings, RunStore, RunSpec]":
    """Return settings, storage and a run.

    The broker in the settings is the run's own if it has an embedded one on this machine.

    Args:
        name: The run's id, or `last`.
        options: See `read_settings`.

    Raises:
        InputError: There is no run yet.
        RunNotFoundError: There is no such run.
    """
    from deepchord.coordinator.local import session_of

    settings = read_settings(**options)
    store, run = find_run(settings, name)
    session = session_of(settings, run.run_id)
    return settings.model_copy(update={"broker": session.broker}) if session else settings, store, run


def find_run(settings: "Settings", name: str) -> "tuple[RunStore, RunSpec]":
    """Return storage and a run by its id or `last`; raise as `open_run` does."""
    store = open_store(settings)
    return store, store.find(name)


def with_live_broker(settings: "Settings") -> "Settings":
    """Return settings with a broker: the one given, or else the embedded one that runs on this machine.

    Raises:
        InputError: No broker is given, and no embedded one runs here, or several do.
    """
    from deepchord.coordinator.local import live_sessions

    if settings.broker is not None:
        return settings
    live = live_sessions(settings)
    if len(live) == 1:
        return settings.model_copy(update={"broker": live[0].broker})
    found = "none is running on this machine" if not live else f"{len(live)} are running on this machine"
    raise InputError(f"No broker is given, and of the embedded ones {found}: set --broker or DEEPCHORD_BROKER.")


def collect_results(
    settings: "Settings", store: "RunStore", run: "RunSpec", out: Path, *, as_json: bool = False
) -> None:
    """Copy a run's results into a folder and print its summary."""
    from deepchord.coordinator.report import collect_run, summary_table
    from deepchord.shared.command_line import new_console
    from deepchord.shared.settings import path_on_host

    content, files = collect_run(settings, store, run, out)
    warn_if_outdated(content, run)
    if as_json:
        print_json({"run_id": run.run_id, "folder": str(out.resolve()), "files": [str(path) for path in files]})
        return
    console = new_console()
    console.print(summary_table(content, console.width))
    folder = out if settings.results_on_host is None else path_on_host(out, settings)
    typer.echo(f"Results: {folder}\nReport:  {path_on_host(out / 'index.html', settings).as_uri()}")


def warn_if_outdated(content: "AnyContent", run: "RunSpec") -> None:
    """Print a warning if a report shows the run as it was before it was extended."""
    if content.spec is not None and content.spec.extension < run.extension:
        typer.echo(
            f"warning: run {run.run_id}, extended to {run.members} members, has no evaluation of all of them; this is "
            f"that of {content.spec.members}.",
            err=True,
        )


def print_notes(dataset: "DatasetInfo") -> None:
    """Print what was done when a data set was read; of what may mislead is warned already."""
    for finding in dataset.findings:
        if finding.level == "note":
            typer.echo(f"note: {dataset.name}: {finding.text}", err=True)


def print_json(data: Any) -> None:
    """Print data as JSON in ASCII, without any control character."""
    # json.dumps escapes all control characters but DEL.
    typer.echo(json.dumps(data, indent=1).replace("\x7f", "\\u007f"))
