"""The commands about finished ensembles."""

import typer

from deepchord.ensemble.cli import exporting, predicting, serving

commands = typer.Typer(add_completion=False)
for part in (predicting, exporting, serving):
    commands.registered_commands.extend(part.commands.registered_commands)

__all__ = ["commands"]
