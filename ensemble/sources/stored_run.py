"""The members of a run in storage, as it was last evaluated."""

from typing import TYPE_CHECKING

from deepchord.ensemble.sources.members import EnsembleMembers
from deepchord.shared.messages import DescribedMember, EnsembleDescription, RunSpec, TrainedMember
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

if TYPE_CHECKING:
    from deepchord.shared.datasets import Dataset


def members_of_run(settings: Settings, store: RunStore, run: RunSpec) -> EnsembleMembers:
    """Return the members of a run that was evaluated.

    Raises:
        RunFailedError: The run has ended without an evaluation.
        InputError: It has not ended yet.
        CorruptObjectError: Records of its members are gone.
    """
    run, evaluation = store.last_evaluation(run)
    records = store.evaluated_records(run, evaluation)
    trained = {index: record.member for index, record in records.items() if isinstance(record.member, TrainedMember)}

    def read(member: DescribedMember) -> bytes:
        return store.member(run.run_id, member.index).weights(trained[member.index].attempt, member.weights_sha256)

    def dataset() -> "Dataset":
        from deepchord.shared.datasets import load_dataset

        return load_dataset(run.dataset, store, settings.cache)

    return EnsembleMembers(
        description=EnsembleDescription.of_run(run, evaluation, list(trained.values())),
        place=f"run {run.run_id} in {store.objects.url}",
        read=read,
        dataset=dataset,
    )
