"""Finds the saved training state that an attempt goes on from."""

import logging
from dataclasses import dataclass, replace

from deepchord.shared.errors import CheckpointError, CorruptObjectError, ObjectNotFoundError
from deepchord.shared.messages import MemberSpec, Trainer, TrainingPart
from deepchord.shared.network import ResolvedArchitecture
from deepchord.shared.storage import Attempt, RunStore, SavedEpoch, furthest_epochs_first
from deepchord.worker.training import TrainingState, decode_training

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Resumption:
    """The state from which an attempt goes on."""

    #: None: before the first epoch.
    start: TrainingState | None = None
    #: Which earlier attempts trained which epochs.
    parts: tuple[TrainingPart, ...] = ()
    #: The states that earlier attempts saved; the one that this attempt goes on from is the last. Empty if it starts
    #: afresh: states that this worker cannot read stay, because another worker may be able to.
    saved: tuple[SavedEpoch, ...] = ()


def find_start(
    store: RunStore,
    spec: MemberSpec,
    architecture: ResolvedArchitecture,
    attempts: tuple[Attempt, ...],
    trainer: Trainer,
) -> Resumption:
    """Return the furthest readable state; the optimizer's arrays are kept only if the same engine version saved them.

    Raises:
        StorageError: Storage does not answer.
    """
    member = store.member(spec.run_id, spec.index)
    every = furthest_epochs_first(attempts)
    for saved in every:
        source = f"state of member {spec.index} of run {spec.run_id} after epoch {saved.epoch}"
        try:
            saved_training = decode_training(member.saved_epoch(saved), architecture, source)
        except (CorruptObjectError, ObjectNotFoundError, CheckpointError) as error:
            extra = {"run_id": spec.run_id, "member": spec.index}
            logger.warning("An older state is taken, for this one cannot be used: %s", error, extra=extra)
            continue
        before = saved_training.parts[-1].trainer
        same = (before.engine, before.engine_version) == (trainer.engine, trainer.engine_version)
        start = saved_training.state if same else replace(saved_training.state, optimizer=())
        others = tuple(other for other in every if other != saved)
        return Resumption(start=start, parts=saved_training.parts, saved=(*others, saved))
    return Resumption()
