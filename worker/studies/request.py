"""What a study is asked for on a command line: checked, its data published, its name reserved in storage."""

import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from deepchord.shared.command_line import printable_path
from deepchord.shared.datasets import (
    IMAGE_KINDS,
    Dataset,
    FileOptions,
    Places,
    find_dataset,
    find_fitted_images,
    find_unseen_rows,
    kind_of_dataset,
    load_dataset,
    overlap_findings,
    publish_dataset,
    publish_images,
    value_findings,
    warn_of,
)
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, Fitting, RunSpec, StudySpec, UnseenInfo
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.worker.studies.names import made_name
from deepchord.worker.studies.scored_images import scored_alone, with_classes_of, with_numbers_of

#: The data set of weight files that are given without one.
USUAL_DATASET = "fashion"


@dataclass(frozen=True, kw_only=True)
class StudyRequest:
    """What is asked for, as it was typed."""

    #: The name of the result; None: one is made from what is looked at.
    name: str | None = None
    #: A data set whose test images replace the run's: a name or a path.
    dataset: str | None = None
    #: Whether images of that file are channels first; see `find_dataset`.
    images_channels_first: bool | None = None
    #: Images of kinds that the members were not trained on: a name or a path. Of a run on a table: the path of rows.
    unseen: str | None = None
    #: Whether those are channels first; see `find_images`.
    unseen_channels_first: bool | None = None
    #: What is done with them if their shape is not the networks'.
    fitting: Fitting = "none"
    shifts: bool = False


@dataclass(frozen=True, kw_only=True)
class WeightPatterns:
    """Weight files, as they were typed."""

    #: Folders, files or shell patterns.
    weights: tuple[str, ...]
    #: Files that describe their networks; see `deepchord.worker.evaluation.find_groups`.
    architectures: tuple[Path, ...] = ()
    #: Whether files without a description of their network are channels first.
    channels_first: bool = False


def evaluate_command(request: StudyRequest, *, run: str | None = None, weights: WeightPatterns | None = None) -> str:
    """Return the command line that repeats an evaluation, for people.

    Args:
        request: What is looked at.
        run: The run's id; None if weight files are evaluated.
        weights: The weight files; None if a run is evaluated.
    """
    parts = [run] if run is not None else []
    parts += [part for pattern in (weights.weights if weights else ()) for part in ("--weights", pattern)]
    if request.dataset is not None and (run is not None or request.dataset != USUAL_DATASET):
        parts += ["--dataset", request.dataset]
    parts += ["--images-channels-first"] if request.images_channels_first else []
    parts += ["--images-channels-last"] if request.images_channels_first is False else []
    if weights is not None:
        parts += [part for file in weights.architectures for part in ("--architecture", str(file))]
        parts += ["--channels-first"] if weights.channels_first else []
    parts += ["--ood", request.unseen] if request.unseen is not None else []
    parts += ["--ood-channels-first"] if request.unseen_channels_first else []
    parts += ["--ood-channels-last"] if request.unseen_channels_first is False else []
    parts += ["--fit", request.fitting] if request.fitting != "none" else []
    parts += ["--shift"] if request.shifts else []
    parts += ["--name", request.name] if request.name is not None else []
    return printable_path(shlex.join(["deepchord", "evaluate", *parts]))


def ended_version(store: RunStore, run: RunSpec) -> RunSpec:
    """Return a run as it was when it was last evaluated; if it never was, but has failed, return it as it is.

    Raises:
        InputError: The run has not ended yet.
    """
    for version in store.specs(run.run_id):
        if store.evaluation(version).has_result():
            return version
    recorded = store.recorded_members(run.run_id)
    if not store.evaluation(run).has_failed():
        raise InputError(
            f"Run {run.run_id} has not ended: {len(recorded)} of {run.members} members have; `deepchord resume "
            f"{run.run_id}` goes on with it."
        )
    return run


def place_study(
    store: RunStore, run: RunSpec, request: StudyRequest, places: Places, settings: Settings, engine: str
) -> StudySpec:
    """Publish what a study needs, and reserve its name; a study of that name that looks at the same is returned.

    Args:
        store: Shared storage.
        run: The run, as `ended_version` returns it.
        request: What is asked for.
        places: Where data sets with a name are looked for.
        settings: Of this command.
        engine: What evaluates, for the name: an engine, or `worker`.

    Raises:
        InputError: The data do not fit the run, or there is a study of that name that looks at something else.
        DatasetError: Data cannot be found or read.
    """
    check_request(run, request)
    trained_on = load_dataset(run.dataset, store, settings.cache)
    dataset = _published_dataset(store, run, trained_on, request, places)
    unseen = _published_images(store, trained_on, request, places)
    spec = StudySpec(
        run_id=run.run_id,
        extension=run.extension,
        name=request.name or made_name(engine, run.extension, dataset, unseen, shifts=request.shifts),
        requested_at=datetime.now(UTC),
        dataset=dataset,
        unseen=unseen,
        shifts=request.shifts,
    )
    stored = store.study(run.run_id, spec.name)
    if stored.create(spec):
        return spec
    present = stored.spec()
    if present is None or _asked(present) != _asked(spec):
        raise InputError(
            f"Run {run.run_id} has a study {spec.name!r} already, which looks at something else: give another name "
            "with --name."
        )
    return present


def check_request(run: RunSpec, request: StudyRequest) -> None:
    """Raise `InputError` if something is asked of a run that only runs on images have, or on classes or numbers."""
    table = run.dataset.table
    if run.dataset.label_names:
        raise InputError(
            f"Run {run.run_id} predicts labels, and `deepchord evaluate` asks runs that predict classes or numbers: "
            f"`deepchord collect {run.run_id}` writes its scores."
        )
    if table is None:
        return
    trained = f"Run {run.run_id} was trained on a table"
    if request.shifts:
        raise InputError(f"{trained}: --shift changes images, leave it out.")
    if request.fitting != "none" or request.unseen_channels_first is not None:
        raise InputError(f"{trained}: --fit and --ood-channels-first are about images, leave them out.")
    if request.dataset is not None:
        columns = " and ".join(repr(name) for name in table.targets)
        raise InputError(
            f"{trained}: `deepchord predict {run.run_id} FILE` scores other rows that have the "
            f"column{'s' if len(table.targets) > 1 else ''} {columns}."
        )


def _published_dataset(
    store: RunStore, run: RunSpec, trained_on: Dataset, request: StudyRequest, places: Places
) -> DatasetInfo | None:
    if request.dataset is None:
        return None
    task = run.dataset.outputs.task
    other = find_dataset(
        request.dataset,
        places,
        request.images_channels_first,
        labels_are_classes=task == "classification",
        options=FileOptions(
            image_size=_image_size(run.dataset, request.dataset), task=None if task == "classification" else task
        ),
    )
    warn_of(value_findings(other), other.name)
    fitted = with_numbers_of if trained_on.targets else with_classes_of
    other, noticed = scored_alone(fitted(other, trained_on, run.run_id))
    if other.x_test.shape[1:] != trained_on.x_test.shape[1:] or other.x_test.dtype != trained_on.x_test.dtype:
        raise InputError(
            f"The test images of {other.name} are {other.x_test.dtype} {list(other.x_test.shape[1:])}, and the "
            f"networks of run {run.run_id} take {trained_on.x_test.dtype} {list(trained_on.x_test.shape[1:])}."
        )
    # What matters is whether the run was trained on these test images, not on which training images lie beside them.
    findings = overlap_findings(replace(trained_on, x_test=other.x_test, y_test=other.y_test))
    warn_of(findings, other.name)
    return publish_dataset(replace(other, findings=(*noticed, *findings)), store)


def _published_images(store: RunStore, trained_on: Dataset, request: StudyRequest, places: Places) -> UnseenInfo | None:
    if request.unseen is None:
        return None
    if trained_on.table is not None:
        images = find_unseen_rows(request.unseen, trained_on.table)
    else:
        images = find_fitted_images(
            request.unseen, places, trained_on, request.fitting, channels_first=request.unseen_channels_first
        )
    return publish_images(images, store)


def _image_size(trained_on: DatasetInfo, dataset: str) -> tuple[int, int] | None:
    """Return to which size the image files of a data set are scaled, as those of the training were.

    None: those were not scaled, or the data set has no image files.
    """
    if trained_on.files is None or not trained_on.files.scaled or kind_of_dataset(dataset) not in IMAGE_KINDS:
        return None
    height, width, _ = trained_on.image_shape
    return height, width


def _asked(spec: StudySpec) -> StudySpec:
    """Return what a study looks at, without when and by which version it was asked for, and what that one noticed."""
    dataset = spec.dataset if spec.dataset is None else spec.dataset.model_copy(update={"findings": ()})
    return spec.model_copy(update={"requested_at": datetime.min.replace(tzinfo=UTC), "version": "", "dataset": dataset})
