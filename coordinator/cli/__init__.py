"""The coordinator's command line: its commands read settings, call the other rooms, and print the results."""

import typer

from deepchord.coordinator.cli import (
    control,
    dashboard,
    data,
    distilling,
    files,
    housekeeping,
    listing,
    monitoring,
    sharing,
    training,
)
from deepchord.shared.command_line import run_commands

commands = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
for part in (training, data, distilling, listing, monitoring, dashboard, control, sharing, housekeeping, files):
    commands.registered_commands.extend(part.commands.registered_commands)


def main() -> None:
    """Run the coordinator's commands alone: `python -m deepchord.coordinator`."""
    run_commands(commands)
