"""The command that looks at a data set before anything is trained on it: data."""

from pathlib import Path
from typing import Annotated

import typer

from deepchord.coordinator.cli.context import print_json
from deepchord.coordinator.cli.options import (
    ChannelsFirst,
    Header,
    ImageSize,
    Json,
    SkipDamaged,
    Target,
    Task,
    Test,
    TestShare,
)
from deepchord.shared.command_line import home_path
from deepchord.shared.errors import InputError

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers at once.

commands = typer.Typer(add_completion=False)


@commands.command()
def data(
    dataset: Annotated[
        str, typer.Argument(metavar="NAME|PATH", help="The data set, as --dataset of `train` takes it.")
    ],
    target: Target = None,
    task: Task = None,
    channels_first: ChannelsFirst = None,
    image_size: ImageSize = None,
    skip_damaged: SkipDamaged = False,
    header: Header = None,
    test: Test = None,
    test_share: TestShare = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.PNG",
            callback=home_path,
            help="Also draw some training images of each class, or what a table's columns hold in each class.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a data set holds, what is suspicious about it, and what deepchord does about that.

    It is read as `train` would read it; nothing is trained or stored.
    """
    from deepchord.coordinator.report import examination_table, write_samples
    from deepchord.coordinator.runs import plan_request, read_requested
    from deepchord.shared.command_line import new_console
    from deepchord.shared.datasets import examine

    if sheet is not None and sheet.suffix.lower() != ".png":
        raise InputError(f"--sheet is {sheet}, and a PNG is drawn: give a name that ends in .png.")
    options = {
        "dataset": dataset,
        "target": target,
        "task": task,
        "channels_first": channels_first,
        "image_size": image_size,
        "skip_damaged": skip_damaged or None,
        "header": header,
        "test": test,
        "test_share": test_share,
    }
    read = read_requested(plan_request(None, options))
    examination = examine(read)
    if sheet is not None:
        write_samples(read, sheet)
    if as_json:
        print_json(examination.model_dump(mode="json"))
        return
    new_console().print(examination_table(examination))
    if sheet is not None:
        typer.echo(f"{'Images' if read.table is None else 'Columns'}: {sheet.absolute().as_uri()}")
