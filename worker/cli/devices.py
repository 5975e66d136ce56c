"""The command that lists devices: devices."""

import json
from dataclasses import asdict

import typer

from deepchord.worker.cli.options import Json

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers in a blink.

commands = typer.Typer(add_completion=False)


@commands.command()
def devices(as_json: Json = False) -> None:
    """List what each engine can train on here, and what to do for those that cannot."""
    from deepchord.shared.command_line import new_console
    from deepchord.shared.settings import load_settings
    from deepchord.worker.devices import devices_table, report_engines

    reports = report_engines(load_settings())
    if as_json:
        typer.echo(json.dumps([asdict(report) for report in reports], indent=1))
        return
    new_console().print(devices_table(reports))
