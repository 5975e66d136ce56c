"""The command that writes a finished ensemble as a file for others: export."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deepchord.ensemble.cli.options import Source, Storage
from deepchord.shared.command_line import home_path
from deepchord.shared.errors import InputError

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers in a blink.

commands = typer.Typer(add_completion=False)


class Format(StrEnum):
    """What an ensemble is written as."""

    ONNX = "onnx"
    KERAS = "keras"
    MEMBERS = "members"


class Input(StrEnum):
    """What an ONNX file takes."""

    UINT8 = "uint8"
    FLOAT32 = "float32"


@commands.command()
def export(
    ensemble: Source,
    out: Annotated[
        Path, typer.Option(metavar="FILE", callback=home_path, help="The file: .onnx or .keras; a folder for members.")
    ],
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="onnx: one file that any ONNX runtime computes; keras: one model of Keras 3; members: a folder of "
            "weights. Default: by the ending of --out.",
        ),
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Store weights as float16: half the size.")] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Compute with 8 bits: a quarter of the size, less exact, seldom faster.")
    ] = False,
    abstain: Annotated[
        str | None,
        typer.Option(metavar="RISK", help="Add the output `abstains`, if so many answers may be wrong: 1%."),
    ] = None,
    input_: Annotated[
        Input | None,
        typer.Option(
            "--input", help="uint8 is divided by 255 inside, float32 taken as it is. Default: as the training images."
        ),
    ] = None,
    license_: Annotated[
        str, typer.Option("--license", help="The licence that you give the file, for its metadata.")
    ] = "",
    storage: Storage = None,
) -> None:
    """Write a finished ensemble as one file that other programs use, with its calibration and what it is.

    With --half or --int8 it is told what that costs on the run's test images.
    """
    from deepchord.ensemble.cli.exported import export_ensemble
    from deepchord.ensemble.export import ExportOptions
    from deepchord.ensemble.thresholds import parse_share

    chosen = format_ or _by_ending(out)
    only_onnx = {
        "--half": half,
        "--int8": int8,
        "--abstain": abstain is not None,
        "--input": input_ is not None,
        "--license": bool(license_),
    }
    if chosen is Format.KERAS and out.suffix != ".keras":
        raise InputError(f"--out {out.name}: Keras wants a name that ends in .keras.")
    given = [option for option, is_given in only_onnx.items() if is_given]
    if chosen is not Format.ONNX and given:
        raise InputError(f"{' and '.join(given)} can only be given for --format onnx.")
    if half and int8:
        raise InputError("Give either --half or --int8.")
    options = ExportOptions(
        half=half,
        int8=int8,
        risk=parse_share(abstain, "--abstain"),
        input_type=input_.value if input_ else None,
        license=license_,
    )
    export_ensemble(ensemble, storage, out, chosen.value, options)


def _by_ending(out: Path) -> Format:
    endings = {".onnx": Format.ONNX, ".keras": Format.KERAS, "": Format.MEMBERS}
    if out.suffix not in endings:
        raise InputError(f"--out {out.name} ends in {out.suffix}; expected .onnx or .keras, or a folder; or --format.")
    return endings[out.suffix]
