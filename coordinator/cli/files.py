"""The command that prints files which come with deepchord."""

from typing import Annotated

import typer

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers at once.

commands = typer.Typer(add_completion=False)


@commands.command()
def files(
    name: Annotated[str | None, typer.Argument(metavar="FILE", help="The file; default: list them.")] = None,
) -> None:
    """Print a file that comes with deepchord: users.acl for a broker, grafana.json for a dashboard."""
    from deepchord.coordinator.files import FILES, read_file

    if name is not None:
        typer.echo(read_file(name), nl=False)
        return
    for file, purpose in FILES.items():
        typer.echo(f"{file}: {purpose}")
