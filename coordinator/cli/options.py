"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from deepchord.shared.command_line import home_path

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id or name, or `last` for the latest.")]
Force = Annotated[bool, typer.Option("--force", help="Also if the run is somebody else's.")]
RunName = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="What to call the run, beside its id; best only this one.")
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="KEY=VALUE", help="Something to find the run by later; may be given several times."),
]
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
Notify = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URL",
        help="Tell how the run ends, or stalls: a webhook, or an address of Apprise (ntfy://…); may be repeated. "
        "[DEEPCHORD_NOTIFY]",
    ),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND:PLACE",
        help="Record the run there, too: mlflow:URI, tensorboard:FOLDER, trackio; may be repeated. [DEEPCHORD_TRACK]",
    ),
]
#: Which data set, and how its files are read: of `train` and `data`.
DatasetPath = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|PATH",
        help="fashion, digits, cifar10, an .npz file, a table, a folder of images; others: docs/own_data.md.",
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="The column of a table that is predicted, or several numbers or labels, a,b; default: target, label, "
        "class, y, or the last.",
    ),
]
Task = Annotated[
    str | None,
    typer.Option(
        metavar="classification|regression|multilabel",
        help="Predict classes, numbers, or which of several labels apply; default: what the data set looks like.",
    ),
]
ChannelsFirst = Annotated[
    bool | None,
    typer.Option(
        "--images-channels-first/--images-channels-last",
        "--channels-first/--channels-last",
        help="The images of the file are [size, channels, height, width], or not although they look so.",
    ),
]
ImageSize = Annotated[
    str | None, typer.Option(metavar="N|HxW", help="Scale image files to so many pixels: 64, or 48x64 (height, width).")
]
SkipDamaged = Annotated[
    bool, typer.Option("--skip-damaged", help="Leave damaged image files out; otherwise they are refused.")
]
TestShare = Annotated[
    float | None,
    typer.Option(help="The share of the images that only score, if the data set has no test images; default: 0.2."),
]
Test = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="The images or rows that only score, if in a file or folder of their own."),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header", help="The first line of a CSV file names its columns, or does not although it looks so."
    ),
]
Require = Annotated[
    str | None,
    typer.Option(metavar="ENGINE|gpu|cpu", help="Only workers with this engine or kind of device train the members."),
]
PriorityOption = Annotated[
    str | None,
    typer.Option(
        "--priority",
        metavar="low|normal|high",
        help="How the run counts beside others on the same workers; default: normal. `deepchord priority` changes it.",
    ),
]
MostWorkers = Annotated[
    int | None, typer.Option(metavar="N", help="At most so many of its members are trained at once; default: any.")
]
#: What the members of `train` start from.
InitialWeights = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Members start from the weights in a file of Keras (.keras, HDF5) or deepchord instead of random ones.",
    ),
]
NewHead = Annotated[
    bool,
    typer.Option(
        "--new-head",
        help="With --initial-weights: each member draws its own last layer, also if that of the file fits.",
    ),
]
InitialNoise = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE", help="With --initial-weights: noise on each kernel, as a share of its standard deviation."
    ),
]
