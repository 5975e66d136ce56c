"""The command that looks for what is wrong with this machine: doctor."""

import typer

from deepchord.worker.cli.options import Broker, Device, Engine, Storage, Threads

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers in a blink.

commands = typer.Typer(add_completion=False)


@commands.command()
def doctor(
    broker: Broker = None,
    storage: Storage = None,
    engine: Engine = None,
    device: Device = None,
    threads: Threads = None,
) -> None:
    """Examine broker, storage and device: what works, what does not, and what to do; fit to be pasted into an issue."""
    from deepchord.shared.host import choose_engine, installed_engines
    from deepchord.shared.settings import load_settings
    from deepchord.worker.diagnostics import examine_in_child, report_connectivity

    settings = load_settings(broker=broker, storage=storage, engine=engine, device=device, threads=threads)
    code = report_connectivity(settings)
    if settings.engine != "auto" or installed_engines():
        choose_engine(settings.engine)
        code = max(code, examine_in_child(settings))
    else:
        typer.echo("engine     none is installed; only workers need one")
    raise typer.Exit(code)
