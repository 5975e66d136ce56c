"""The commands that need an engine or a device: worker, devices, doctor, evaluate."""

import typer

from deepchord.worker.cli import devices, doctor, evaluation, training

__all__ = ["commands", "main"]

commands = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
for part in (training, devices, doctor, evaluation):
    commands.registered_commands.extend(part.commands.registered_commands)


def main(*arguments: str) -> None:
    """Run one of these commands alone, in a process that `deepchord.worker.devices.worker_command` describes."""
    commands(list(arguments))
