"""The command that shows runs and workers in a browser: dashboard."""

import secrets
from importlib.util import find_spec
from typing import Annotated

import typer

from deepchord.coordinator.cli.context import read_settings
from deepchord.coordinator.cli.options import Broker, Storage
from deepchord.shared.errors import InputError, InterruptedRunError

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers at once.

#: How long those who have asked for something may take when the dashboard is stopped.
_GRACEFUL_S = 10.0
#: Viewers keep a connection open, and open some more for files.
_MOST_CONNECTIONS = 1000

commands = typer.Typer(add_completion=False)


@commands.command()
def dashboard(
    host: Annotated[
        str, typer.Option(help="The address to listen on; others than this machine's own need a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8090,
    actions: Annotated[
        bool | None,
        typer.Option(
            "--actions/--read-only",
            help="Whether viewers with the token may cancel, resume, extend and drain; default: on this machine's own "
            "address only.",
        ),
    ] = None,
    broker: Broker = None,
    storage: Storage = None,
) -> None:
    """Show runs and workers in a browser tab, live, until Ctrl-C: with a broker, storage or both.

    DEEPCHORD_DASHBOARD_TOKEN is what viewers have to give; without one only this machine is served, and the token for
    actions is a new one at each start.
    """
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise InputError(f"{', '.join(missing)} cannot be imported: pip install 'deepchord[serve]'.")
    from deepchord.coordinator.dashboard.access import Access
    from deepchord.coordinator.dashboard.app import Dashboard
    from deepchord.shared.process import terminations_as_interrupts
    from deepchord.shared.storage import RunStore
    from deepchord.shared.web import is_local, run_server

    settings = read_settings(broker=broker, storage=storage)
    given = settings.dashboard_token
    if given is None and not is_local(host):
        raise InputError(
            f"--host {host} can be reached from other machines: set DEEPCHORD_DASHBOARD_TOKEN to a secret that viewers "
            "have to give, or listen on 127.0.0.1."
        )
    access = Access(
        token=given or secrets.token_urlsafe(24),
        guards_reading=given is not None,
        allows_actions=is_local(host) if actions is None else actions,
    )
    # A page waits for what is read, and the next look follows soon: nothing is retried.
    store = RunStore.open(settings, retrying=False)
    shown = Dashboard(settings, store, access, names=(host,) if given is None else None)

    def told(url: str) -> None:
        with_token = f"{url}#token={access.token}" if given is None and access.allows_actions else url
        typer.echo(f"Dashboard: {with_token}")

    try:
        with terminations_as_interrupts():
            run_server(
                shown.application(),
                host,
                port,
                told,
                graceful_s=_GRACEFUL_S,
                max_connections=_MOST_CONNECTIONS,
                stopping=shown.poller.stop,
            )
    except KeyboardInterrupt:
        raise InterruptedRunError("Interrupted: the dashboard is served no more.") from None
