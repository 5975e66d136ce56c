"""The commands about finished ensembles."""

import typer

from deepchord.ensemble.cli import exporting, predicting

commands = typer.Typer(add_completion=False)
commands.registered_commands.extend([*predicting.commands.registered_commands, *exporting.commands.registered_commands])

__all__ = ["commands"]
