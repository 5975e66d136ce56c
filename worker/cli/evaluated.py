"""Evaluates what the command `evaluate` is given: weight files, or a run once more, here or on a worker."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from deepchord.shared.broker import probe_broker
from deepchord.shared.command_line import label, new_console
from deepchord.shared.datasets import (
    Dataset,
    Places,
    all_findings,
    find_dataset,
    find_fitted_images,
    value_findings,
    warn_of,
)
from deepchord.shared.errors import InputError, InterruptedRunError, RunFailedError
from deepchord.shared.host import choose_engine
from deepchord.shared.messages import MemberRecord, RunSpec, StudySpec
from deepchord.shared.settings import Settings, keras_home
from deepchord.shared.validation import with_full_stop
from deepchord.worker.evaluation import (
    Evaluator,
    check_images,
    find_groups,
    name_members,
    read_members,
    weight_candidates,
    weight_notes,
)
from deepchord.worker.resources import Resources
from deepchord.worker.studies import (
    USUAL_DATASET,
    Conditions,
    StudiedEnsemble,
    StudiedRegression,
    StudyRequest,
    WeightPatterns,
    commit_study,
    ended_version,
    evaluate_command,
    place_study,
    scored_alone,
    stored_study,
    study_dataset,
    study_members,
    study_on_worker,
    study_run,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluatedMembers:
    """Weight files, or the members of a run, that were evaluated as one ensemble: what their report shows."""

    title: str
    #: The command that evaluates them again.
    command: str
    #: What each member is called, by its index.
    member_names: Mapping[int, str]
    dataset: Dataset
    studied: StudiedEnsemble | StudiedRegression
    #: The run and the records of its members; None and empty for weight files.
    run: RunSpec | None = None
    records: Mapping[int, MemberRecord] = field(default_factory=dict)


def evaluate_files(settings: Settings, patterns: WeightPatterns, request: StudyRequest) -> EvaluatedMembers:
    """Evaluate the files that patterns name as one ensemble; write notes about them to stderr first.

    Raises:
        CheckpointError: A file is damaged or does not fit its network.
        InputError: A pattern, a network or the images do not fit.
        DatasetError: The data set or the unseen images cannot be found or read.
    """
    resources = Resources(settings)
    dataset = find_dataset(
        request.dataset or USUAL_DATASET, _places(), request.images_channels_first, labels_are_classes=True
    )
    if dataset.table is not None:
        raise InputError(
            f"{dataset.name} is a table: how its columns became the input of these weights is not known; evaluate the "
            "run that trained them."
        )
    if dataset.task != "classification":
        what = "numbers" if dataset.task == "regression" else "labels"
        raise InputError(
            f"{dataset.name} has {what} to predict; expected classes, which weight files are evaluated on."
        )
    dataset, noticed = scored_alone(dataset)
    # Whether images of one undivided lot were trained on is not known.
    dataset = replace(dataset, findings=(*value_findings(dataset), *noticed) if noticed else all_findings(dataset))
    warn_of(dataset.findings, dataset.name)
    for finding in noticed:
        typer.echo(f"note: {finding.text}", err=True)
    groups, notes = find_groups(patterns.weights, patterns.architectures)
    image_shape, classes = dataset.x_train.shape[1:], len(dataset.class_names)
    files = read_members(groups, image_shape, classes, channels_first=patterns.channels_first)
    check_images(files, dataset)
    for note in [*notes, *weight_notes(files)]:
        typer.echo(f"note: {note}.", err=True)
    unseen = None
    if request.unseen is not None:
        channels_first = request.unseen_channels_first
        unseen = find_fitted_images(request.unseen, _places(), dataset, request.fitting, channels_first=channels_first)
    candidates = weight_candidates(files)
    evaluator = Evaluator(engine=resources.engine, trainer=resources.trainer)
    conditions = Conditions(unseen=unseen, shifts=request.shifts)
    with _shown(f"Evaluating {len(candidates)} weight files"):
        studied = study_members(evaluator, dataset, candidates, len(candidates), conditions)
    title, names = name_members([file.path for file in files])
    return EvaluatedMembers(
        title=title,
        command=evaluate_command(request, weights=patterns),
        member_names=dict(enumerate(names)),
        dataset=dataset,
        studied=studied,
    )


def evaluate_run(
    settings: Settings, name: str, request: StudyRequest, *, on_worker: bool
) -> tuple[EvaluatedMembers, Path]:
    """Evaluate again a run that has ended; return the result, and the name of a folder for its report.

    A study that is done already is not done again: its result is returned.

    Args:
        settings: Of this command.
        name: The run's id, or `last`.
        request: What is looked at.
        on_worker: Whether a worker of the broker does it; otherwise this process does.

    Raises:
        InputError: The run has not ended, or what is asked for does not fit it.
        RunFailedError: The study failed.
        InterruptedRunError: It was interrupted.
    """
    resources = Resources(settings)
    store = resources.store
    run = ended_version(store, store.find(name))
    if on_worker:
        probe_broker(settings)
    engine = "worker" if on_worker else choose_engine(settings.engine)
    spec = place_study(store, run, request, _places(), settings, engine)
    stored = store.study(run.run_id, spec.name)
    if stored.has_result():
        typer.echo(f"note: study {spec.name} was done before; another --name does it anew.", err=True)
    else:
        _do_study(resources, run, spec, on_worker=on_worker)
    failure, studied = stored.failure(), stored_study(store, spec)
    if studied is None:
        reason = failure.reason if failure is not None else "it has no result"
        raise RunFailedError(
            with_full_stop(f"Study {spec.name} of run {run.run_id} failed: {reason}") + " Try it with another --name."
        )
    evaluated = EvaluatedMembers(
        title=f"{run.run_id}, {spec.name}",
        command=evaluate_command(request, run=run.run_id),
        member_names={index: str(index) for index in range(run.members)},
        dataset=study_dataset(resources, run, spec),
        studied=studied,
        run=run,
        records={record.member.spec.index: record for record in store.records(run.run_id, run.members)},
    )
    return evaluated, Path(run.run_id, "studies", spec.name)


def _do_study(resources: Resources, run: RunSpec, spec: StudySpec, *, on_worker: bool) -> None:
    """Do a study; on Ctrl-C, say how it goes on."""
    try:
        with _shown(f"Study {spec.name}: {run.members} members are evaluated {'by a worker' if on_worker else 'here'}"):
            if on_worker:
                told = partial(typer.echo, err=True)
                study_on_worker(
                    resources.settings, resources.store, run.run_id, spec.name, lambda note: told(f"note: {note}.")
                )
            else:
                commit_study(resources.store, spec, study_run(resources, run, spec, lambda: None))
    except KeyboardInterrupt:
        where = "The worker goes on with it; the same command" if on_worker else "The same command does it again and"
        raise InterruptedRunError(f"Interrupted: {where} collects its result.") from None


@contextmanager
def _shown(what: str) -> Iterator[None]:
    """Show on stderr, if that is a terminal, what goes on in a block and for how long; it is removed afterwards."""
    console = new_console(sys.stderr)
    if not console.is_terminal or console.is_dumb_terminal:
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(label(what), total=None)
        yield


def _places() -> Places:
    return Places(keras_home=keras_home())
