"""What a data set holds, for the terminal: its arrays or columns, its classes with bars, and what was noticed."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deepchord.coordinator.report.tables.columns_of_rows import columns_table, use_of_columns
from deepchord.shared.command_line import label
from deepchord.shared.datasets import Examination, PartOutline, TargetOutline

#: Of more classes the largest and the smallest are shown.
_MAX_CLASSES = 40
_BAR_WIDTH = 30
_EIGHTHS = " \u258f\u258e\u258d\u258c\u258b\u258a\u2589"


def examination_table(examination: Examination) -> Group:
    """Return tables of the images or rows, of the classes and of a table's columns, and below what was noticed."""
    predicted = _numbers(examination.numbers) if examination.numbers else _classes(examination)
    parts: list[RenderableType] = [_arrays(examination), Text(), predicted]
    hidden = len(examination.classes or examination.labels) - _MAX_CLASSES
    if hidden > 0:
        what = "classes" if examination.classes else "labels"
        parts.append(Text(f"{hidden:,} more {what}, of sizes between these: --json shows all", style="dim"))
    if examination.columns:
        parts += [Text(), *columns_table(examination.columns)]
    parts += [Text(), Text(_use(examination), style="dim")]
    for finding in sorted(examination.findings, key=lambda each: each.level != "warning"):
        is_warning = finding.level == "warning"
        parts.append(Text(f"{finding.level}: {finding.text}", style="yellow" if is_warning else "dim"))
    if not any(finding.level == "warning" for finding in examination.findings):
        parts.append(Text("Nothing suspicious was found.", style="green"))
    return Group(*parts)


def _arrays(examination: Examination) -> Table:
    table = Table(title=Text(label(examination.name), style="bold"), title_justify="left", box=box.SIMPLE_HEAD)
    table.pad_edge = table.show_edge = False
    table.add_column("")
    for name in ("training", "test"):
        table.add_column(name, justify="right")
    both = (examination.train, examination.test)
    noun = _noun(examination)
    table.add_row(f"{noun}s", *(f"{part.size:,}" for part in both))
    pixels = [part.pixels for part in both if part.pixels is not None]
    if pixels:
        table.add_row("height x width x channels", *("x".join(map(str, part.shape)) for part in both))
        table.add_row("type", *(each.type for each in pixels))
        table.add_row("values", *(f"{each.lowest:g} to {each.highest:g}" for each in pixels))
        table.add_row("mean, standard deviation", *map(_spread, both))
    copies = examination.copies_within_train, examination.test_images_in_train
    table.add_row(f"equal to a training {noun}", *(f"{each:,}" for each in copies))
    return table


def _noun(examination: Examination) -> str:
    return "image" if examination.target is None else "row"


def _spread(part: PartOutline) -> str:
    return f"{part.mean:.4g}, {part.standard_deviation:.4g}"


def _classes(examination: Examination) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.pad_edge = table.show_edge = False
    name = "class" if examination.target is None else label(examination.target)
    table.add_column(Text("label that applies" if examination.labels else name))
    for name in ("training", "test"):
        table.add_column(name, justify="right")
    table.add_column(f"training {_noun(examination)}s", no_wrap=True)
    shown = examination.classes or examination.labels
    if len(shown) > _MAX_CLASSES:
        ordered = sorted(shown, key=lambda each: -each.train)
        shown = (*ordered[: _MAX_CLASSES // 2], *ordered[-_MAX_CLASSES // 2 :])
    # Of labels the bar is the share of the rows to which they apply.
    largest = examination.train.size if examination.labels else max(each.train for each in shown)
    for each in shown:
        table.add_row(Text(label(each.name)), f"{each.train:,}", f"{each.test:,}", _bar(each.train / largest))
    return table


def _numbers(targets: tuple[TargetOutline, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.pad_edge = table.show_edge = False
    table.add_column("number to predict")
    for name in ("lowest", "mean", "highest", "standard deviation", "mean of the test"):
        table.add_column(name, justify="right")
    for target in targets:
        train = target.train
        numbers = (train.lowest, train.mean, train.highest, train.standard_deviation, target.test.mean)
        table.add_row(Text(label(target.name)), *(f"{number:.5g}" for number in numbers))
    return table


def _bar(share: float) -> str:
    eighths = round(share * _BAR_WIDTH * 8)
    return "\u2588" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _use(examination: Examination) -> str:
    pixels = examination.train.pixels
    if pixels is None:
        return use_of_columns(examination)
    if pixels.type == "uint8":
        return "Whole numbers are divided by 255 when they are used."
    return "Floats are used as they are."
