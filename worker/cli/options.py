"""Options that several commands take."""

from typing import Annotated

import typer

Broker = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Redis or Valkey: redis://[:password@]host:6379/0. [DEEPCHORD_BROKER]"),
]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The storage that all share, from here: a folder, s3://bucket/…, broker://. [DEEPCHORD_STORAGE]",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(help="tensorflow, torch, jax, plaidml, or auto for the first installed. [DEEPCHORD_ENGINE]"),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="ID", help="A device of the engine, from `deepchord devices`; gpu or cpu: its best. [DEEPCHORD_DEVICE]"
    ),
]
Threads = Annotated[
    int | None, typer.Option(help="Processor threads of each; default: all cores, shared evenly. [DEEPCHORD_THREADS]")
]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts instead of a table.")]
