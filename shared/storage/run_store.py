"""Runs and their members in shared storage; data with a known SHA-256 is verified when it is read."""

from collections.abc import Collection, Iterator
from contextlib import suppress

from deepchord.shared.errors import (
    CorruptObjectError,
    InputError,
    MessageDecodeError,
    ObjectNotFoundError,
    RunFailedError,
    RunNotFoundError,
    StorageError,
)
from deepchord.shared.messages import Cancellation, Evaluation, MemberRecord, RunSpec, is_run_id
from deepchord.shared.settings import Settings
from deepchord.shared.shares import Share
from deepchord.shared.storage import keys
from deepchord.shared.storage.attempt_log import attempts_from_names
from deepchord.shared.storage.attempts import Attempt
from deepchord.shared.storage.documents import read_document, read_newest_spec, read_share, read_specs
from deepchord.shared.storage.evaluation_store import EvaluationStore, StudyStore
from deepchord.shared.storage.inputs import InputStore
from deepchord.shared.storage.member_store import MemberStore
from deepchord.shared.storage.object_store import ObjectStore, check_creates_once
from deepchord.shared.storage.opening import open_object_store
from deepchord.shared.validation import with_full_stop

#: Of several runs with one name the ids of at most so many are told.
_MAX_SHOWN = 5


class RunStore:
    """All runs in storage, as coordinator and workers read and write them; `inputs` is what they are trained from."""

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects

    @classmethod
    def open(cls, settings: Settings, *, retrying: bool = True) -> "RunStore":
        """Open the storage of the settings; see `open_object_store`."""
        return cls(open_object_store(settings, retrying=retrying))

    @property
    def inputs(self) -> InputStore:
        """What runs are trained from; nothing is read yet."""
        return InputStore(self.objects)

    # Runs

    def create_run(self, spec: RunSpec) -> bool:
        """Publish the spec; return False if the run exists."""
        return self.objects.create(keys.run(spec.run_id), spec.encode())

    def run(self, run_id: str) -> RunSpec:
        """Return the newest spec of a run; raise `RunNotFoundError` if there is no such run."""
        missing = RunNotFoundError(
            f"There is no run {run_id!r} in {self.objects.url}; `deepchord runs` lists those there are."
        )
        if not is_run_id(run_id):
            raise missing
        try:
            return read_newest_spec(self.objects, run_id)
        except ObjectNotFoundError:
            raise missing from None

    def find(self, name: str) -> RunSpec:
        """Return the newest spec of the run with this id or name, or of the latest run for `last`.

        Raises:
            InputError: There is no run yet, or several have this name.
            RunNotFoundError: There is no such run.
        """
        if name != "last":
            return self._by_id_or_name(name)
        run_ids = self.run_ids()
        if not run_ids:
            raise InputError(f"There are no runs in {self.objects.url} yet; `deepchord train` starts one.")
        return self.run(run_ids[-1])

    def _by_id_or_name(self, name: str) -> RunSpec:
        try:
            return self.run(name)
        except RunNotFoundError:
            named = self._ids_named(name)
            if not named:
                raise
        if len(named) > 1:
            ids = ", ".join(named[-_MAX_SHOWN:])
            raise InputError(f"{len(named)} runs in {self.objects.url} are called {name}: give the id of one, {ids}.")
        return self.run(named[0])

    def _ids_named(self, name: str) -> list[str]:
        """Return the ids of the runs with this name, oldest first; those whose spec cannot be read have none."""
        found = []
        for run_id in self.run_ids():
            with suppress(StorageError, MessageDecodeError):
                if read_document(self.objects, RunSpec, keys.run(run_id)).labels.name == name:
                    found.append(run_id)
        return found

    def last_evaluated(self) -> RunSpec | None:
        """Return the newest spec of the latest run that was evaluated; None if none was."""
        specs = (list(self.specs(run_id)) for run_id in reversed(self.run_ids()))
        return next((each[0] for each in specs if any(self.evaluation(one).has_result() for one in each)), None)

    def specs(self, run_id: str) -> Iterator[RunSpec]:
        """Yield the specs of a run, the newest extension first."""
        return read_specs(self.objects, run_id)

    def version(self, run_id: str, extension: int) -> RunSpec:
        """Return a run's spec after `extension` extensions.

        Raises:
            RunNotFoundError: There is no such run.
            CorruptObjectError: The run has no such extension any more.
        """
        self.run(run_id)
        for spec in self.specs(run_id):
            if spec.extension == extension:
                return spec
        raise CorruptObjectError(
            f"Run {run_id} in {self.objects.url} has lost its extension {extension}: restore its folder `extensions` "
            "from a copy."
        )

    def extend_run(self, spec: RunSpec) -> bool:
        """Publish a spec with more members; return False if somebody else extended the run in the meantime."""
        return self.objects.create(keys.extension(spec), spec.encode())

    def cancel_run(self, run_id: str, cancellation: Cancellation) -> None:
        """Record that a run is cancelled: no worker trains its members until it is resumed."""
        self.objects.replace(keys.cancellation(run_id), cancellation.encode())

    def resume_run(self, run_id: str) -> None:
        """Remove the cancellation of a run."""
        self.objects.delete(keys.cancellation(run_id))

    def set_local(self, run_id: str, *, local: bool) -> None:
        """Record whether a run has its own broker and workers, on the machine where it was started."""
        if local:
            self.objects.replace(keys.local(run_id), b"{}\n")
        elif self.is_local(run_id):
            self.objects.delete(keys.local(run_id))

    def is_local(self, run_id: str) -> bool:
        """Return whether a run has its own broker and workers, on the machine where it was started."""
        return self.objects.exists(keys.local(run_id))

    def cancellation(self, run_id: str) -> Cancellation | None:
        """Return who cancelled a run, and when; None if nobody did."""
        remedy = f"`deepchord resume {run_id}` takes it away, `deepchord cancel {run_id}` writes it anew."
        try:
            return read_document(self.objects, Cancellation, keys.cancellation(run_id), remedy)
        except ObjectNotFoundError:
            return None

    def is_cancelled(self, run_id: str) -> bool:
        """Return whether a run was cancelled."""
        return self.objects.exists(keys.cancellation(run_id))

    def share(self, run: RunSpec) -> Share:
        """Return the share of the fleet that a run has now; see `read_document` for errors."""
        return read_share(self.objects, run)

    def set_share(self, run_id: str, share: Share) -> None:
        """Change the share of a run."""
        self.objects.replace(keys.share(run_id), share.encode())

    def run_ids(self, *, excluding: Collection[str] = ()) -> list[str]:
        """Return the ids of all runs except the excluded ones, oldest first: an id begins with its date."""
        names = (name for name in self.run_folders() if name not in excluding)
        return [name for name in names if self.objects.exists(keys.run(name))]

    def run_folders(self) -> list[str]:
        """Return the names of the folders of runs, oldest first; one listing, so some may hold no run (yet)."""
        return list(self.objects.folders(keys.RUNS))

    # Members and evaluation

    def member(self, run_id: str, index: int) -> MemberStore:
        """Return one member of a run in storage; nothing is read yet."""
        return MemberStore(self.objects, run_id, index)

    def evaluation(self, run: RunSpec) -> EvaluationStore:
        """Return the evaluation of a run, for the extension in its spec, in storage; nothing is read yet."""
        return EvaluationStore(self.objects, run)

    def last_evaluation(self, run: RunSpec) -> tuple[RunSpec, Evaluation]:
        """Return a run as it was last evaluated, and that evaluation; it may have been extended since.

        Raises:
            RunFailedError: The run has ended without an evaluation.
            InputError: It has not ended yet.
        """
        for version in self.specs(run.run_id):
            evaluation = self.evaluation(version).result()
            if evaluation is not None:
                return version, evaluation
        failure = self.evaluation(run).failure()
        if failure is not None:
            raise RunFailedError(with_full_stop(f"Run {run.run_id} has no evaluation: {failure.reason}"))
        done = len(self.recorded_members(run.run_id))
        raise InputError(
            f"Run {run.run_id} is not evaluated yet: {done} of {run.members} members have ended; "
            f"`deepchord watch {run.run_id}` follows it, and if nobody trains it any more, "
            f"`deepchord resume {run.run_id}` goes on."
        )

    def study(self, run_id: str, name: str) -> StudyStore:
        """Return a study of a run in storage; nothing is read yet."""
        return StudyStore(self.objects, run_id, name)

    def study_names(self, run_id: str) -> list[str]:
        """Return the names of the studies of a run, sorted."""
        names = map(keys.study_name, self.objects.list(keys.studies(run_id)))
        return sorted(name for name in names if name is not None)

    def attempts_by_member(self, run_id: str) -> dict[int, tuple[Attempt, ...]]:
        """Return the attempts of each member of a run that has any, by index; only names are read."""
        names: dict[int, list[str]] = {}
        for index, name in filter(None, map(keys.attempt_name, self.objects.list(keys.members(run_id)))):
            names.setdefault(index, []).append(name)
        return {index: attempts_from_names(of_member) for index, of_member in names.items()}

    def recorded_members(self, run_id: str) -> list[int]:
        """Return the indices of the members that have a record, in order."""
        indices = map(keys.recorded_index, self.objects.list(keys.members(run_id)))
        return sorted(index for index in indices if index is not None)

    def records(self, run_id: str, members: int) -> Iterator[MemberRecord]:
        """Yield the committed records of a run in the order of their indices; each is read when it is needed."""
        results = (self.member(run_id, index).record() for index in range(members))
        return (record for record in results if record is not None)

    def evaluated_records(self, run: RunSpec, evaluation: Evaluation) -> dict[int, MemberRecord]:
        """Return all committed records of an evaluated run, by index.

        Raises:
            CorruptObjectError: Records of members that were evaluated are gone.
        """
        records = {record.member.spec.index: record for record in self.records(run.run_id, run.members)}
        missing = [str(member.index) for member in evaluation.members if member.index not in records]
        if missing:
            raise CorruptObjectError(
                f"Run {run.run_id} in {self.objects.url} is evaluated, but has no record of member "
                f"{', '.join(missing)} any more: restore its folder `members` from a copy."
            )
        return records

    def check_writable(self) -> None:
        """Raise `StorageError` unless storage can write, read back, and refuse to create an object that exists."""
        check_creates_once(self.objects)
