"""The commands that keep storage in order: delete, prune, export-run, import-run."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepchord.coordinator.cli.context import find_run, open_store, print_json, read_settings
from deepchord.coordinator.cli.options import Broker, Force, Json, Run, Storage
from deepchord.shared.command_line import home_path, parse_duration, printable_path

if TYPE_CHECKING:
    from deepchord.coordinator.housekeeping import PrunePlan

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers at once.

commands = typer.Typer(add_completion=False)


@commands.command()
def delete(run: Run, force: Force = False, broker: Broker = None, storage: Storage = None) -> None:
    """Remove a run that has ended or was cancelled from storage: weights, records, evaluation, all of it.

    Its data set stays, for other runs may use it: `prune` removes it if none does. With --force a run is removed, too,
    whose spec is damaged.
    """
    from deepchord.coordinator.housekeeping import delete_damaged_run, delete_run
    from deepchord.coordinator.runs import check_owner

    settings = read_settings(broker=broker, storage=storage)
    store = open_store(settings)
    freed, run_id = delete_damaged_run(store, run) if force else None, run
    if freed is None:
        spec = store.find(run)
        check_owner(settings, spec, "delete", force=force)
        freed, run_id = delete_run(settings, store, spec), spec.run_id
    typer.echo(f"Run {run_id} is deleted: {_megabytes(freed)} are free.")


@commands.command()
def prune(
    older_than: Annotated[
        str, typer.Option(metavar="90d", help="Of runs that were evaluated longer ago than this: 12h, 90d, 26w.")
    ] = "90d",
    keep_weights: Annotated[
        str,
        typer.Option(
            metavar="all|best|none",
            help="Of such runs keep the weights of all members, of the best on its held-out images, or of none.",
        ),
    ] = "all",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise it is only said what would be removed.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also the runs of others.")] = False,
    broker: Broker = None,
    storage: Storage = None,
    as_json: Json = False,
) -> None:
    """Say what nobody needs any more, and with --yes remove it.

    That is what no run uses (data sets, initial weights), what crashes left, and of old runs the training states and,
    if asked for, weights. Runs that have not ended keep all they have.
    """
    from deepchord.coordinator.housekeeping import plan_prune, prune_rules, survey_storage
    from deepchord.coordinator.housekeeping import prune as remove
    from deepchord.coordinator.runs import is_own, owner_of

    settings = read_settings(broker=broker, storage=storage)
    rules = prune_rules(parse_duration(older_than, "--older-than"), keep_weights, datetime.now(UTC))
    store = open_store(settings)
    plan = plan_prune(survey_storage(store, rules, lambda run: force or is_own(settings, run)), rules)
    freed = remove(store, plan, owner_of(settings)) if yes else None
    if as_json:
        print_json(_as_json(plan, freed))
        return
    for line in _lines(plan):
        typer.echo(line)
    if freed is not None:
        typer.echo(f"{_megabytes(freed)} are free.")
    elif plan.size_bytes or plan.undated:
        typer.echo(f"{_megabytes(plan.size_bytes)} would be free; nothing was removed: --yes does it.")
    else:
        typer.echo("There is nothing to remove.")


@commands.command("export-run")
def export_run(
    run: Run,
    out: Annotated[Path, typer.Option(metavar="FILE.ZIP", callback=home_path, help="The file; it must not exist.")],
    broker: Broker = None,
    storage: Storage = None,
) -> None:
    """Write a run that has ended or was cancelled into one file, with its data set: `import-run` reads it elsewhere."""
    from deepchord.coordinator.housekeeping import check_settled
    from deepchord.coordinator.housekeeping import export_run as export

    settings = read_settings(broker=broker, storage=storage)
    store, spec = find_run(settings, run)
    check_settled(settings, store, spec, "export it")
    size = export(store, spec, out)
    typer.echo(f"Run {spec.run_id} is in {printable_path(out)}, {_megabytes(size)}.")


@commands.command("import-run")
def import_run(
    file: Annotated[Path, typer.Argument(metavar="FILE.ZIP", callback=home_path, help="What `export-run` wrote.")],
    broker: Broker = None,
    storage: Storage = None,
) -> None:
    """Read a run from a file of `export-run` into this storage; every object is verified before one is written."""
    from deepchord.coordinator.housekeeping import import_run as read

    store = open_store(read_settings(broker=broker, storage=storage))
    run = read(store, file)
    typer.echo(f"Run {run.run_id} is in {store.objects.url}; `deepchord status {run.run_id}` shows it.")


def _lines(plan: "PrunePlan") -> list[str]:
    """Return what is removed, a line each: runs, then what belongs to none; and what is left, and why."""
    lines = [
        f"run {cut.run.run_id}: {_of_run(len(cut.weights), len(cut.surplus))}, {_megabytes(cut.size_bytes)}"
        for cut in plan.runs
    ]
    for kind, words in _WORDS.items():
        found = [loose for loose in plan.loose if loose.kind == kind]
        if found:
            lines.append(f"{words}: {len(found)}, {_megabytes(sum(loose.size_bytes for loose in found))}")
    if plan.leftovers:
        size = sum(each.size_bytes for each in plan.leftovers)
        lines.append(f"files that died half written: {len(plan.leftovers)}, {_megabytes(size)}")
    if plan.undated:
        size = sum(each.size_bytes for each in plan.undated)
        lines.append(
            f"used by no run, but nobody knows since when: {len(plan.undated)}, {_megabytes(size)}; `prune --yes` "
            "notes them, and removes them a day later"
        )
    if plan.of_others:
        lines.append(f"left, for they belong to others (--force): {_counted(len(plan.of_others), 'run')}")
    if plan.unreadable:
        lines.append(
            f"data sets are left, for it cannot be read what uses them: {', '.join(sorted(plan.unreadable)[:_SHOWN])}"
        )
    return lines


_SHOWN = 3
_WORDS = {
    "data set": "data sets, and parts of them, that no run uses",
    "initial weights": "initial weights that no run uses",
    "remains": "remains of crashes",
}


def _of_run(weights: int, surplus: int) -> str:
    parts = [f"the weights of {_counted(weights, 'member')}"] if weights else []
    return " and ".join(parts + ([f"{_counted(surplus, 'file')} that no record names"] if surplus else []))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _as_json(plan: "PrunePlan", freed: int | None) -> dict[str, object]:
    return {
        "runs": {cut.run.run_id: [each.key for each in (*cut.weights, *cut.surplus)] for cut in plan.runs},
        "unused": [each.key for loose in plan.loose for each in loose.stored],
        "leftovers": [each.key for each in plan.leftovers],
        "undated": [each.key for loose in plan.undated for each in loose.stored],
        "of_others": list(plan.of_others),
        "unreadable": list(plan.unreadable),
        "bytes": plan.size_bytes,
        "freed_bytes": freed,
    }


def _megabytes(size: int) -> str:
    """Return a size in megabytes, as many digits as it takes to see something."""
    megabytes = size / 1e6
    return f"{megabytes:,.0f} MB" if megabytes >= 10 else f"{megabytes:.2g} MB"
