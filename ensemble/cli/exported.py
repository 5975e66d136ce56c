"""Exports what a command is given, and shows what the file is and what it costs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from deepchord.ensemble.export import ExportOptions, export_onnx, save_keras, save_members
from deepchord.ensemble.export.costs import FileCosts, compare_files
from deepchord.ensemble.sources import EnsembleMembers, ExportedModel, find_source
from deepchord.shared.command_line import label, printable_path
from deepchord.shared.errors import InputError

_MIB = 2**20


def export_ensemble(source: str, storage: str | None, out: Path, format_name: str, options: ExportOptions) -> None:
    """Write an ensemble and say in a few lines what was written.

    Args:
        source: The ensemble, as `Ensemble.load` takes it.
        storage: The same.
        out: The file or the folder.
        format_name: `onnx`, `keras` or `members`.
        options: Of an ONNX file.

    Raises:
        DeepchordError: The ensemble cannot be read, or the file cannot be written.
    """
    members = find_source(source, storage)
    if isinstance(members, ExportedModel):
        raise InputError(f"{members.place} is exported already: export its run, {members.description.run_id}.")
    if format_name == "members":
        save_members(members, out)
    elif format_name == "keras":
        save_keras(members, out)
    else:
        export_onnx(members, out, options)
    size = sum(path.stat().st_size for path in out.iterdir()) if out.is_dir() else out.stat().st_size
    count = len(members.description.members)
    typer.echo(f"{count} {'member' if count == 1 else 'members'}, {size / _MIB:,.1f} MiB: {printable_path(out)}")
    if format_name == "onnx" and (options.half or options.int8):
        _show_costs(members, out, options)


def _show_costs(members: EnsembleMembers, out: Path, options: ExportOptions) -> None:
    """Print the scores of a reduced file beside those of a whole one."""
    if members.dataset is None:
        typer.echo(
            "What that costs cannot be measured from a folder, which has no test images or rows: export the run itself "
            "for it."
        )
        return
    from rich.table import Table

    from deepchord.shared.command_line import print_table

    with TemporaryDirectory() as folder:
        whole = export_onnx(members, Path(folder) / "whole.onnx", replace(options, half=False, int8=False))
        dataset = members.dataset()
        before, after = compare_files(whole, out, dataset)
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column(f"on the test {'images' if dataset.table is None else 'rows'}")
    for name in ("float32", "float16" if options.half else "int8"):
        table.add_column(name, justify="right")
    for (name, of_whole), (_, of_reduced) in zip(_cells(before), _cells(after), strict=True):
        table.add_row(label(name), of_whole, of_reduced)
    print_table(table)


def _cells(costs: FileCosts) -> Iterator[tuple[str, str]]:
    """Yield the names of the rows, and what they tell of a file."""
    yield "size", f"{costs.size_bytes / _MIB:,.1f} MiB"
    for name, value in costs.scores.items():
        if "likelihood" in name:
            yield name, f"{value:.4f}"
        else:
            yield name, f"{value:.4g}" if name.endswith("squared error") else f"{value:.2%}"
    if "accuracy" in costs.scores or "exact match" in costs.scores:
        yield "predictions that changed", f"{costs.changed:,.0f}"
    else:
        yield "largest change, in standard deviations", f"{costs.changed:.2g}"
    yield "time", f"{costs.duration_s:.2f} s"
