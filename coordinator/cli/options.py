"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from deepchord.shared.command_line import home_path

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or `last` for the latest.")]
Broker = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Redis or Valkey: redis://[:password@]host:6379/0. [DEEPCHORD_BROKER]"),
]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Shared storage: a folder, s3://bucket/prefix, or broker:// for the broker itself. [DEEPCHORD_STORAGE]",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        callback=home_path,
        help="Where the results go; default: RUN below ./results or DEEPCHORD_RESULTS.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts instead of a table.")]
Workers = Annotated[
    int | None, typer.Option(help="How many workers to start on this machine, without a broker. [DEEPCHORD_WORKERS]")
]
Detach = Annotated[
    bool,
    typer.Option(
        "--detach", help="Submit and return; `deepchord watch RUN` follows it from any host. [DEEPCHORD_DETACH]"
    ),
]
