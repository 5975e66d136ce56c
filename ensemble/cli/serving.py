"""The command that answers what finished ensembles say of images: serve."""

from importlib.util import find_spec
from typing import Annotated

import typer

from deepchord.ensemble.cli.options import Storage
from deepchord.shared.errors import InputError, InterruptedRunError

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers in a blink.

commands = typer.Typer(add_completion=False)


@commands.command()
def serve(
    ensembles: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]ENSEMBLE",
            help="Runs by their ids, `last`, folders of `deepchord collect`, files of `deepchord export`; names for "
            "several.",
        ),
    ],
    host: Annotated[
        str, typer.Option(help="The address to listen on; others than this machine's own need a token.")
    ] = ("127.0.0.1"),
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8080,
    abstain: Annotated[
        str | None,
        typer.Option(metavar="RISK", help="Say `I do not know`, so that at most so many answers are wrong: 1%."),
    ] = None,
    max_bytes: Annotated[int, typer.Option(min=1024, help="The largest request.")] = 16 * 2**20,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="The most pixels of a request, before they are scaled.")
    ] = 32_000_000,
    max_images: Annotated[int, typer.Option(min=1, help="The most images of a request.")] = 1024,
    max_requests: Annotated[int, typer.Option(min=1, help="The most requests at once.")] = 128,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for a request.")] = 30.0,
    storage: Storage = None,
) -> None:
    """Serve ensembles: POST /predict, a page to try them, OpenAPI at /openapi.json, numbers for Prometheus at /metrics.

    DEEPCHORD_SERVE_TOKEN is what clients have to send; without one only this machine is served.
    """
    missing = [name for name in ("starlette", "uvicorn", "multipart", "prometheus_client") if find_spec(name) is None]
    if missing:
        raise InputError(f"{', '.join(missing)} cannot be imported: pip install 'deepchord[serve]'.")
    from deepchord.ensemble.cli.served import load_ensembles
    from deepchord.ensemble.serving.app import Server
    from deepchord.ensemble.serving.limits import ServeLimits
    from deepchord.ensemble.serving.server import serve
    from deepchord.ensemble.thresholds import confidence_threshold, parse_share
    from deepchord.shared.process import terminations_as_interrupts
    from deepchord.shared.settings import load_settings
    from deepchord.shared.web import is_local

    token = load_settings(storage=storage).serve_token
    if token is None and not is_local(host):
        raise InputError(
            f"--host {host} can be reached from other machines: set DEEPCHORD_SERVE_TOKEN to a secret that clients "
            "have to send, or listen on 127.0.0.1."
        )
    risk = parse_share(abstain, "--abstain")
    loaded = load_ensembles(ensembles, storage)
    if risk is not None:
        for ensemble in loaded.values():
            confidence_threshold(ensemble.description, risk)
    limits = ServeLimits(
        max_bytes=max_bytes,
        max_pixels=max_pixels,
        max_images=max_images,
        max_requests=max_requests,
        timeout_s=timeout_s,
    )
    # Without a token, a page of somebody else must not ask through a name that it made up.
    server = Server(loaded, limits=limits, token=token, risk=risk, names=(host,) if token is None else None)
    try:
        # The server answers first who has asked, and then lets the signal through.
        with terminations_as_interrupts():
            serve(server, host, port, lambda url: typer.echo(f"Serving {', '.join(loaded)}: {url}"))
    except KeyboardInterrupt:
        raise InterruptedRunError("Interrupted: the ensembles are served no more.") from None
