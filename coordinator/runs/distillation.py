"""Plans a run whose network learns what an ensemble says: one network that is asked at the cost of a single member."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from deepchord.coordinator.runs.planning import new_run_id
from deepchord.coordinator.runs.preparation import check_state_size
from deepchord.coordinator.runs.suitability import (
    check_augmentation,
    check_class_weights,
    check_feature_noise,
    check_task,
    check_trainable,
)
from deepchord.shared.datasets import load_labels
from deepchord.shared.errors import InputError
from deepchord.shared.messages import MAX_MEMBERS, Distillation, Recipe, RunLabels, RunName, RunSpec, RunTags, Seed
from deepchord.shared.saved_models import network_to_train
from deepchord.shared.storage import RunStore
from deepchord.shared.validation import Message, Share, explain, with_full_stop


class DistillationRequest(Message):
    """What a person asks for beside the recipe; None: as the ensemble's members."""

    members: Annotated[int, Field(ge=1, le=MAX_MEMBERS)] = 1
    temperature: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    share: Share = 1.0
    seed: Seed | None = None
    #: A TOML or JSON file with `layers`.
    architecture: str | None = None
    name: RunName | None = None
    tags: RunTags = Field(default_factory=dict)


def plan_distillation(
    store: RunStore,
    run: RunSpec,
    options: Mapping[str, object],
    *,
    max_attempts: int,
    cache: Path,
    now: datetime | None = None,
    owner: str | None = None,
) -> RunSpec:
    """Return a new run whose members learn what an evaluated ensemble says, calibrated.

    Data set, network and recipe are those of the ensemble, and so is the seed: the images that its members kept for the
    calibration are kept again. Labels are not smoothed: the probabilities say how sure one may be.

    Args:
        store: Where the ensemble is.
        run: The ensemble's run.
        options: Fields of `DistillationRequest` and of the recipe; None counts as not given.
        max_attempts: How often a member is tried at most.
        cache: The folder of this host's copies of data sets, of which labels are read if they are needed.
        now: When the run is created, in UTC; None: now.
        owner: Whose the new run is, see `owner_of`; None: nobody's.

    Raises:
        InputError: The run has not ended, or an option is not valid.
        RunFailedError: The run has ended without an evaluation.
    """
    teacher, _ = store.last_evaluation(run)
    if teacher.dataset.label_names:
        raise InputError(
            f"Run {run.run_id} predicts labels; only runs that predict classes or numbers can be distilled."
        )
    now = now or datetime.now(UTC)
    given = {name: value for name, value in options.items() if value is not None}
    own = {name: given.pop(name) for name in DistillationRequest.model_fields if name in given}
    try:
        request = DistillationRequest.model_validate(own)
        recipe = Recipe.model_validate({**teacher.recipe.model_dump(), "label_smoothing": 0.0, **given})
    except ValidationError as error:
        raise InputError(f"The options given: {with_full_stop(explain(error))}") from error
    architecture = (
        teacher.architecture
        if request.architecture is None
        else network_to_train(
            Path(request.architecture),
            teacher.dataset.input_shape,
            teacher.dataset.classes,
            len(teacher.dataset.targets),
        )
    )
    network = teacher.dataset.network(architecture)
    check_task(recipe, network.outputs.task)
    check_trainable(network)
    check_augmentation(recipe, teacher.dataset.input_shape)
    # Those that the members had were checked when their run was planned.
    labels = load_labels(teacher.dataset, "train", store, cache) if "class_weights" in given else None
    check_class_weights(recipe, teacher.dataset.class_names, labels)
    pixels = teacher.dataset.pixels
    check_feature_noise(recipe, teacher.dataset.input_shape, are_floats=pixels is not None and pixels.type != "uint8")
    check_state_size(store, network, recipe)
    return RunSpec(
        run_id=new_run_id(now),
        created_at=now,
        preset=teacher.preset,
        dataset=teacher.dataset,
        architecture=architecture,
        recipe=recipe,
        members=request.members,
        min_members=-(-request.members // 2),
        seed=teacher.seed if request.seed is None else request.seed,
        max_attempts=max_attempts,
        require=teacher.require,
        # Layers of the teacher's network that are not trained need the weights that its members had.
        initial_weights=teacher.initial_weights if request.architecture is None else None,
        distillation=Distillation(
            teacher=teacher.run_id,
            extension=teacher.extension,
            temperature=request.temperature,
            share=request.share,
        ),
        labels=RunLabels(owner=owner, name=request.name, tags=request.tags),
    )
