"""The trained members of a run, as what an evaluation takes: their records and weights come from storage."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.checkpoints import Weights, decode_checkpoint, decode_member_outputs
from deepchord.shared.messages import MemberSpec, RunSpec, TrainedMember
from deepchord.shared.storage import RunStore
from deepchord.worker.evaluation.candidates import Candidate


def trained_members(store: RunStore, run: RunSpec, advance: Callable[[], None]) -> list[TrainedMember]:
    """Return the members of a run that were trained, in the order of their indices.

    Args:
        store: Where the records are.
        run: The run.
        advance: Called when a record was read; may raise.
    """
    trained = []
    for record in store.records(run.run_id, run.members):
        advance()
        if isinstance(record.member, TrainedMember):
            trained.append(record.member)
    return trained


def run_candidates(
    store: RunStore,
    run: RunSpec,
    members: Iterable[TrainedMember],
    held_out: Callable[[MemberSpec], NDArray[np.int64]],
) -> Iterator[Candidate]:
    """Yield a `Candidate` for each trained member of a run; it reads and verifies its weights when its turn comes.

    Args:
        store: Where the weights are.
        run: The run.
        members: Its trained members.
        held_out: Returns the indices of the training images that a member held out for its validation.
    """
    architecture = run.dataset.network(run.architecture)
    for member in members:
        index, attempt = member.spec.index, member.attempt

        def weights(member: TrainedMember = member, index: int = index, attempt: int = attempt) -> Weights:
            data = store.member(run.run_id, index).weights(attempt, member.weights_sha256)
            return decode_checkpoint(data, architecture, f"weights of member {index} of run {run.run_id}")

        def own(member: TrainedMember = member, index: int = index, attempt: int = attempt) -> NDArray[np.float32]:
            data = store.member(run.run_id, index).probabilities(attempt, member.probabilities_sha256)
            return decode_member_outputs(data, f"Probabilities of member {index} of run {run.run_id}")

        yield Candidate(
            index=index,
            network=architecture,
            weights=weights,
            own_outputs=own,
            held_out=partial(held_out, member.spec),
        )
