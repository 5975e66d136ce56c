"""Predicts all inputs of a command, and shows or writes what came out, lot by lot."""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from deepchord.ensemble.answers import AnyPrediction, ask
from deepchord.ensemble.cli.label_results import LabelResults
from deepchord.ensemble.cli.number_results import NumberResults
from deepchord.ensemble.cli.results import ClassResults, Results
from deepchord.ensemble.ensemble import Ensemble
from deepchord.ensemble.inputs import (
    Damaged,
    Inputs,
    Lot,
    TableInputs,
    check_fit,
    find_inputs,
    find_rows,
    read_inputs,
)
from deepchord.ensemble.tables import TableFile, json_table, open_table
from deepchord.shared.command_line import printable_path
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, Fitting
from deepchord.shared.uncertainty import ConformalMethod

#: So many images are shown on a terminal.
_MOST_ROWS = 20
#: With fewer images no bar is worth while.
_FEWEST_FOR_BAR = 2000
#: The level of the intervals of numbers, if none is asked for.
_USUAL_LEVELS = (0.9,)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked about all images; see `Ensemble.predict`."""

    risk: float | None
    sets: float | None
    set_method: ConformalMethod
    per_class: bool
    #: Of the intervals of numbers; empty: none was given.
    levels: tuple[float, ...]
    fit: Fitting
    channels_first: bool | None


def predict_inputs(
    source: str,
    storage: str | None,
    inputs: Sequence[str],
    asked: Asked,
    out: Path | None,
    *,
    strict: bool,
    as_json: bool,
) -> int:
    """Predict all inputs; return how many of them could not be read.

    Args:
        source: The ensemble, as `Ensemble.load` takes it.
        storage: The same.
        inputs: As `find_inputs` takes them.
        asked: What is asked.
        out: The file for the predictions; None: they are shown.
        strict: Whether the first image that cannot be read ends it all.
        as_json: Whether the predictions are written to stdout as JSON.

    Raises:
        DeepchordError: The ensemble or an input cannot be read, or does not fit.
    """
    ensemble = Ensemble.load(source, storage=storage)
    dataset = ensemble.description.dataset
    item = "image" if dataset.table is None else "row"
    if dataset.table is not None and asked.channels_first is not None:
        raise InputError(
            "The ensemble takes rows of a table, which have no channels: leave out --images-channels-first."
        )
    check_fit(dataset, asked.fit, "--fit")
    question = ask(
        ensemble.description,
        risk=asked.risk,
        sets=asked.sets,
        set_method=asked.set_method,
        per_class=asked.per_class,
        members=False,
    )
    results = _results(ensemble, item, asked)
    shown, damaged, predicted = _Shown(results), 0, 0
    with _warnings_told_once():
        found = find_inputs(inputs, dataset) if dataset.table is None else find_rows(inputs, dataset)
        with _table(out, as_json) as table, _bar(len(found)) as advance:
            for lot in _lots(found, dataset, asked):
                if isinstance(lot, Damaged):
                    if strict:
                        raise lot.error
                    typer.echo(f"left out: {lot.error}", err=True)
                    damaged += 1
                    continue
                prediction = ensemble.answers.answer(lot.pixels, question)
                table.add(results.rows(prediction, lot)) if table else shown.add(prediction, lot)
                results.score(prediction, lot)
                predicted += len(prediction)
                advance(len(prediction))
    if not as_json:
        shown.print()
        for line in (*_end(predicted, len(found), damaged, out, f"{item}s"), *results.sentences()):
            typer.echo(line)
    return damaged


def _results(ensemble: Ensemble, item: str, asked: Asked) -> Results[Any]:
    if ensemble.description.regression is not None:
        return NumberResults(item, ensemble.target_names, asked.levels or _USUAL_LEVELS)
    if asked.levels:
        what, instead = ("labels", "") if ensemble.description.multilabel else ("classes", ", and classes have --sets")
        raise InputError(
            f"Run {ensemble.description.run_id} predicts {what}: --level is for the intervals of numbers{instead}."
        )
    if ensemble.description.multilabel is not None:
        return LabelResults(item, ensemble.label_names)
    return ClassResults(item)


def _lots(found: Inputs | TableInputs, dataset: DatasetInfo, asked: Asked) -> Iterable[Lot | Damaged]:
    return (
        found.lots if isinstance(found, TableInputs) else read_inputs(found, dataset, asked.fit, asked.channels_first)
    )


class _Shown:
    """The first rows, for a terminal."""

    def __init__(self, results: Results[Any]) -> None:
        self._results = results
        self._rows: list[tuple[str, ...]] = []
        self._header: tuple[str, ...] = ()

    def add(self, prediction: AnyPrediction, lot: Lot) -> None:
        for index in range(min(len(prediction), _MOST_ROWS - len(self._rows))):
            row = dict(self._results.cells(prediction, lot, index))
            self._header = tuple(row)
            self._rows.append(tuple(row.values()))

    def print(self) -> None:
        if not self._rows:
            return
        from rich.table import Table
        from rich.text import Text

        from deepchord.shared.command_line import print_table

        table = Table(box=None, header_style="dim", pad_edge=False)
        for name in self._header:
            is_number = name in self._results.number_columns
            table.add_column(name, justify="right" if is_number else "left", no_wrap=is_number)
        for row in self._rows:
            table.add_row(*map(Text, row))
        print_table(table)


def _end(predicted: int, asked: int, damaged: int, out: Path | None, items: str) -> Iterator[str]:
    """Yield the last lines, before the scores; `items` are images or rows."""
    if out is not None:
        yield f"{predicted:,} predictions: {printable_path(out)}"
    elif predicted > _MOST_ROWS:
        yield f"… and {predicted - _MOST_ROWS:,} more {items}; --out predictions.csv writes all."
    if damaged:
        yield f"{damaged:,} of {asked:,} {items} were left out, see above."


def _table(out: Path | None, as_json: bool) -> AbstractContextManager[TableFile | None]:
    if as_json:
        return json_table(sys.stdout)
    return nullcontext() if out is None else open_table(out)


@contextmanager
def _bar(images: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how many images were predicted; many images have a bar on a terminal."""
    from deepchord.shared.command_line import new_console

    console = new_console(sys.stderr)
    if images < _FEWEST_FOR_BAR or not console.is_terminal or console.is_dumb_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Predicting"), BarColumn(None), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        task = progress.add_task("", total=images)
        yield lambda done: progress.advance(task, done)


@contextmanager
def _warnings_told_once() -> Iterator[None]:
    """Write the first warning about images to stderr, as one line."""
    told = False

    def show(message: Warning | str, *_: object, **__: object) -> None:
        nonlocal told
        if not told:
            typer.echo(f"warning: {message}", err=True)
        told = True

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield
