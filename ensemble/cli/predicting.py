"""The command that asks a finished ensemble about images: predict."""

from pathlib import Path
from typing import Annotated

import typer

from deepchord.ensemble.cli.options import Fit, SetMethod, Source, Storage
from deepchord.shared.command_line import home_path
from deepchord.shared.errors import ExitCode, InputError

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers in a blink.

commands = typer.Typer(add_completion=False)


@commands.command()
def predict(
    ensemble: Source,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Image files, folders of them, .npz files (images, x_test or x; with labels they are scored), or `-`; "
            "for an ensemble of a table .csv, .parquet or .npz files.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", callback=home_path, help="Where the predictions go: .csv, .json, .npz or .parquet."
        ),
    ] = None,
    abstain: Annotated[
        str | None,
        typer.Option(metavar="RISK", help="Say which images are better not answered, if so many may be wrong: 1%."),
    ] = None,
    sets: Annotated[
        str | None,
        typer.Option(metavar="LEVEL", help="Sets of classes that hold the right one with this probability: 95%."),
    ] = None,
    set_method: Annotated[
        SetMethod, typer.Option(help="lac: the smallest sets; aps: larger ones where an image is harder.")
    ] = SetMethod.LAC,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="The level of sets holds within each class, not only on average.")
    ] = False,
    level: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LEVEL",
            help="Intervals that hold a predicted number with this probability, 90% by default; may be repeated.",
        ),
    ] = None,
    fit: Annotated[
        Fit, typer.Option(help="Images of another shape: none refuses them, resize scales them.")
    ] = Fit.NONE,
    images_channels_first: Annotated[
        bool | None,
        typer.Option(
            "--images-channels-first/--images-channels-last",
            help="The images of archives are [size, channels, height, width], or not although they look so.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first image that cannot be read, instead of leaving it out.")
    ] = False,
    storage: Storage = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for scripts instead of a table.")] = False,
) -> None:
    """Predict images or rows with a finished ensemble: probabilities or numbers, and how far they can be trusted.

    Images that cannot be read are named and left out; the exit code is 2 then.
    """
    from deepchord.ensemble.cli.predicted import Asked, predict_inputs
    from deepchord.ensemble.thresholds import parse_share, parse_shares

    if as_json and out is not None:
        raise InputError("Give either --json, for the predictions on stdout, or --out.")
    if sets is None and (per_class or set_method is not SetMethod.LAC):
        raise InputError("--per-class and --set-method are about sets: give --sets, such as --sets 95%.")
    asked = Asked(
        risk=parse_share(abstain, "--abstain"),
        sets=parse_share(sets, "--sets"),
        set_method=set_method.value,
        per_class=per_class,
        levels=parse_shares(level or (), "--level"),
        fit=fit.value,
        channels_first=images_channels_first,
    )
    damaged = predict_inputs(ensemble, storage, inputs, asked, out, strict=strict, as_json=as_json)
    if damaged:
        raise typer.Exit(ExitCode.BAD_INPUT)
