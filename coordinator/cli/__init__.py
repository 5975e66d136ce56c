"""The coordinator's command line; with worker/cli.py the only code that prints."""

import typer

from coordinator.cli import files, looking, steering, training
from shared.commands import run_commands

commands = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
for part in (training, looking, steering, files):
    commands.registered_commands.extend(part.commands.registered_commands)


def main() -> None:
    """Run the coordinator's commands alone: `python -m coordinator`."""
    run_commands(commands)
