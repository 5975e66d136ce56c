"""The commands that show several runs at once: runs, compare; and how a run's owner, name and tags are shown."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepchord.coordinator.cli.context import open_store, print_json, read_settings
from deepchord.coordinator.cli.options import Broker, Json, Storage
from deepchord.shared.command_line import label
from deepchord.shared.errors import DeepchordError, InputError

if TYPE_CHECKING:
    from deepchord.coordinator.monitoring import RunFilter
    from deepchord.coordinator.report import Comparison
    from deepchord.shared.messages import RunLabels
    from deepchord.shared.storage import RunStore

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers at once.

#: The list of runs shows the errors of at most so many numbers.
_MAX_ERRORS = 3
_FEWEST_COMPARED = 2

commands = typer.Typer(add_completion=False)


@commands.command()
def runs(
    owner: Annotated[
        str | None,
        typer.Option(metavar="OWNER", help="Only those of user@host, of a user on any host, or at the broker."),
    ] = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only evaluated, failed, cancelled or unfinished ones.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="7d|DATE", help="Only those submitted so long ago at most, or since a day (UTC)."),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="KEY[=VALUE]", help="Only those with this tag; may be given several times."),
    ] = None,
    broker: Broker = None,
    storage: Storage = None,
    as_json: Json = False,
) -> None:
    """List the runs in storage, oldest first: all, or those that are asked for."""
    from deepchord.coordinator.monitoring import run_filter

    chosen = run_filter(owner, state, since, tag, datetime.now(UTC))
    store = open_store(read_settings(broker=broker, storage=storage))
    run_ids = store.run_ids()
    summaries = _summaries(store, run_ids, chosen)
    if as_json:
        print_json(summaries)
    elif summaries:
        _print_table(summaries)
    elif run_ids:
        typer.echo(f"No run in {store.objects.url} is of that kind; `deepchord runs` lists all {len(run_ids)}.")
    else:
        typer.echo(f"There are no runs in {store.objects.url} yet; `deepchord train` starts one.")


@commands.command()
def compare(
    run: Annotated[list[str], typer.Argument(metavar="RUN RUN…", help="Two runs or more, by ids, names, or `last`.")],
    broker: Broker = None,
    storage: Storage = None,
    as_json: Json = False,
) -> None:
    """Show runs side by side: where their recipes differ, their scores, and how long they were trained."""
    from deepchord.coordinator.report import compare_runs

    if len(run) < _FEWEST_COMPARED:
        raise InputError("Give at least two runs to compare.")
    store = open_store(read_settings(broker=broker, storage=storage))
    comparison = compare_runs(store, [store.find(name) for name in run])
    if as_json:
        print_json(comparison.as_json())
        return
    _print_comparison(comparison)
    if not comparison.is_of_one_test:
        typer.echo("warning: these runs have different data sets: their scores do not tell which is better.", err=True)


def labels_line(labels: "RunLabels") -> str:
    """Return owner, name and tags of a run in a line; empty if it has none of them."""
    parts = {"Owner": labels.owner, "name": labels.name, "tags": tags_text(labels.tags)}
    return ", ".join(f"{what}: {label(value)}" for what, value in parts.items() if value)


def tags_text(tags: Mapping[str, str]) -> str:
    """Return tags as they were typed."""
    return " ".join(f"{key}={value}" for key, value in tags.items())


def _summaries(store: "RunStore", run_ids: Sequence[str], chosen: "RunFilter") -> list[dict[str, Any]]:
    """Return what is shown of each run that is asked for; of damaged ones is warned."""
    from deepchord.coordinator.report import summary

    found = []
    for run_id in run_ids:
        try:
            run = store.run(run_id)
            if chosen.fits(run):
                found.append(summary(run, store))
        except DeepchordError as error:
            typer.echo(f"warning: run {run_id} was left out: {error}", err=True)
    return [line for line in found if chosen.fits_state(line["state"])]


def _print_table(summaries: Sequence[Mapping[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from deepchord.shared.command_line import print_table

    table = Table(box=None, header_style="dim", pad_edge=False)
    # What no run has takes no room.
    named = [name for name in ("name", "owner") if any(line[name] for line in summaries)]
    # Ids are never broken: people copy them from here.
    for name in ("run", *named, "state", "preset", "data set", "members", "test score"):
        numeric = name in ("members", "test score")
        table.add_column(name, justify="right" if numeric else "left", no_wrap=name == "run")
    for line in summaries:
        table.add_row(
            line["run_id"],
            *(Text(label(line[name] or "")) for name in named),
            line["state"],
            line["preset"],
            Text(label(line["dataset"])),
            f"{line['ended']}/{line['members']}",
            Text(_test_score(line)),
        )
    print_table(table)


def _print_comparison(comparison: "Comparison") -> None:
    """Print a table with a column for each run: first where recipes differ, then scores, then seconds."""
    from rich.table import Table
    from rich.text import Text

    from deepchord.shared.command_line import print_table

    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("")
    for each in comparison.runs:
        table.add_column(each.run.run_id, justify="right", no_wrap=True)
    for name, values in comparison.differences.items():
        table.add_row(name, *(Text(label("" if value is None else str(value))) for value in values))
    table.add_section()
    for name, scores in comparison.scores.items():
        table.add_row(name, *("" if score is None else f"{score:.5g}" for score in scores))
    table.add_section()
    for name, seconds in comparison.seconds.items():
        table.add_row(f"{name}, s", *("" if each is None else f"{each:.1f}" for each in seconds))
    print_table(table)


def _test_score(line: Mapping[str, Any]) -> str:
    """Return how good an ensemble is: its accuracy, the errors of its numbers, or its share of wrong labels."""
    if line["ensemble_test_accuracy"] is not None:
        return f"{line['ensemble_test_accuracy']:.2%}"
    if line["ensemble_test_hamming_loss"] is not None:
        return f"Hamming loss {line['ensemble_test_hamming_loss']:.2%}"
    errors = [f"{error:.4g}" for error in (line["ensemble_test_error"] or {}).values()]
    if not errors:
        return ""
    shown = errors if len(errors) <= _MAX_ERRORS else [*errors[:_MAX_ERRORS], "\u2026"]
    return f"RMSE {', '.join(shown)}"
