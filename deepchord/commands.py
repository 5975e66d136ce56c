"""The command `deepchord`: the commands of all sides in one; the only module that knows all of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepchord.coordinator.cli import commands as coordinator_commands
from deepchord.ensemble.cli import commands as ensemble_commands
from deepchord.shared.command_line import run_commands
from deepchord.shared.version import version
from deepchord.worker.cli import commands as worker_commands

if TYPE_CHECKING:
    from rich.console import RenderableType
    from typer.models import CommandInfo

    from deepchord.worker.cli.evaluated import EvaluatedMembers

#: Shells know the command by it, also where it is started as `python -m deepchord`.
_NAME = "deepchord"

commands = typer.Typer(
    help=(
        "Train deep ensembles on the machines you have: one Celery task per member, a chord to evaluate them.\n\n"
        "`deepchord train` does it all on this machine. For several, start `deepchord worker` on each and give all "
        "of them the same --broker and --storage.\n\n"
        "Options about machines can also be set in the environment (`DEEPCHORD_BROKER`, `DEEPCHORD_STORAGE` …), those "
        "about the training in a recipe file.\n\n"
        "Exit codes: 0 done, 1 a defect, 2 bad input or surroundings, 3 the run failed, 4 the local workers stopped, "
        "5 the run was cancelled, 130 interrupted, 141 nobody reads the output any more."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
#: The commands as the help groups them, in its order.
_PANELS = {
    "Training": ("train", "data", "resume", "extend", "distill", "cancel", "priority"),
    "Runs": ("runs", "status", "watch", "dashboard", "report", "compare", "collect", "evaluate", "track"),
    "Storage": ("delete", "prune", "export-run", "import-run"),
    "Finished ensembles": ("predict", "export", "serve"),
    "Machines": ("worker", "workers", "queue", "devices", "doctor", "drain", "reconcile", "metrics", "flower", "files"),
}


def _join() -> None:
    """Take the commands of all sides, in the order of the help."""
    sides = (coordinator_commands, ensemble_commands, worker_commands)
    known = {_name_of(command): command for side in sides for command in side.registered_commands}
    for panel, names in _PANELS.items():
        for name in names:
            command = known.pop(name)
            command.rich_help_panel = panel
            commands.registered_commands.append(command)
    commands.registered_commands.extend(known.values())


def _name_of(command: "CommandInfo") -> str:
    return command.name or str(getattr(command.callback, "__name__", ""))


_join()


def _print_version(wanted: bool) -> None:
    """Print the version and exit, if wanted."""
    if wanted:
        typer.echo(f"{_NAME} {version()}")
        raise typer.Exit


@commands.callback()
def _hand_over(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Give the worker's commands the coordinator's report, which they cannot import themselves."""
    context.obj = write_evaluation_report


def write_evaluation_report(
    members: "EvaluatedMembers", folder: Path, width: int
) -> "tuple[RenderableType, str, Path]":
    """Write the report of what `deepchord evaluate` found; see `deepchord.worker.cli.evaluation.WriteReport`."""
    from deepchord.coordinator.report import (
        RegressionContent,
        ReportContent,
        summary_json,
        summary_table,
        train_again,
        write_report,
    )
    from deepchord.worker.studies import StudiedEnsemble

    studied = members.studied
    known: dict[str, Any] = {
        "title": members.title,
        "command": members.command if members.run is None else train_again(members.run),
        "study_command": None if members.run is None else members.command,
        "spec": members.run,
        "records": members.records,
        "member_names": members.member_names,
        "evaluation": studied.evaluation,
        "dataset": members.dataset,
        "unseen": studied.unseen,
        "shifted": studied.shifted,
    }
    content = (
        ReportContent(**known, probabilities=studied.probabilities)
        if isinstance(studied, StudiedEnsemble)
        else RegressionContent(**known, predictions=studied.predictions)
    )
    return summary_table(content, width), summary_json(content), write_report(content, folder)


def main() -> None:
    """Run the command line and exit."""
    run_commands(lambda: commands(prog_name=_NAME))
