"""The command that records a run in trackers of experiments after the fact: track."""

from typing import TYPE_CHECKING, Annotated

import typer

from deepchord.coordinator.cli.context import find_run, read_settings
from deepchord.coordinator.cli.options import Run, Storage
from deepchord.shared.errors import InputError

if TYPE_CHECKING:
    from deepchord.shared.settings import Settings

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers at once.

commands = typer.Typer(add_completion=False)


@commands.command()
def track(
    run: Run,
    places: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND:PLACE…", help="mlflow:URI, tensorboard:FOLDER, trackio; default: those of DEEPCHORD_TRACK."
        ),
    ] = None,
    storage: Storage = None,
) -> None:
    """Record a run in MLflow, TensorBoard or Trackio: parameters, epochs, scores, report; what is there is left."""
    from deepchord.coordinator.tracking import open_trackers, record_run

    settings: Settings = read_settings(storage=storage, track=places or None)
    if not settings.track:
        raise InputError(
            "Nothing says where the run is to be recorded: give mlflow:URI, tensorboard:FOLDER or trackio."
        )
    store, spec = find_run(settings, run)
    for tracker in open_trackers(settings.track, store):
        record_run(settings, store, spec, tracker, with_report=True)
        typer.echo(f"Run {spec.run_id} is recorded: {tracker.label}.")
