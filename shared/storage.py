"""Every path and key of shared storage in one place."""

import hashlib
import re
import uuid
from collections.abc import Collection

from shared.attempts import Attempt, SavedEpoch
from shared.endings import Cancellation, EnsembleEvaluation, RunFailure
from shared.errors import CorruptObjectError, RunNotFoundError, StorageError
from shared.messages import AttemptNote, MemberRecord, RunSpec
from shared.object_store import ObjectStore, open_object_store
from shared.settings import Settings


class RunStore:
    """Runs, members, weights and data sets in shared storage: the only place where their keys are spelled."""

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects

    @classmethod
    def open(cls, settings: Settings) -> "RunStore":
        """Return the store of the settings; see `open_object_store`."""
        return cls(open_object_store(settings))

    # Runs

    def create_run(self, spec: RunSpec) -> bool:
        """Publish the spec; False if the run exists."""
        return self.objects.create(f"runs/{spec.run_id}/run.json", spec.encode())

    def run(self, run_id: str) -> RunSpec:
        """Return the spec of a run, as it was last extended; raise `RunNotFoundError` if there is none."""
        key = f"runs/{run_id}/run.json"
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", run_id) or not self.objects.exists(key):
            raise RunNotFoundError(
                f"There is no run {run_id!r} in {self.objects.url}; `deepchord runs` lists those there are."
            )
        extensions = [key for key in self.objects.list(f"runs/{run_id}/extensions/") if key.endswith("/run.json")]
        newest = extensions[-1] if extensions else key
        return RunSpec.decode(self.objects.get(newest), newest)

    def extend_run(self, spec: RunSpec) -> bool:
        """Publish the spec with more members; False if somebody else has extended the run in the meantime."""
        return self.objects.create(f"{_ending(spec)}/run.json", spec.encode())

    def cancel_run(self, run_id: str, cancellation: Cancellation) -> None:
        """Stop a run: no worker trains it until it is resumed."""
        self.objects.replace(_cancellation(run_id), cancellation.encode())

    def resume_run(self, run_id: str) -> None:
        """Take a cancellation back."""
        self.objects.delete(_cancellation(run_id))

    def set_local(self, run_id: str, *, local: bool) -> None:
        """Note whether a run has a broker and workers of its own, on the machine of whoever started it."""
        if local:
            self.objects.replace(_local(run_id), b"{}\n")
        elif self.is_local(run_id):
            self.objects.delete(_local(run_id))

    def is_local(self, run_id: str) -> bool:
        """Say whether a run has a broker and workers of its own, on the machine of whoever started it."""
        return self.objects.exists(_local(run_id))

    def is_cancelled(self, run_id: str) -> bool:
        """Say whether a run was cancelled."""
        return self.objects.exists(_cancellation(run_id))

    def run_ids(self, *, but: Collection[str] = ()) -> list[str]:
        """Return the ids of all runs, oldest first (ids begin with their date), but for those that are known."""
        names = (name for name in self.objects.folders("runs/") if name not in but)
        return [name for name in names if self.objects.exists(f"runs/{name}/run.json")]

    # Members

    def start_attempt(self, run_id: str, index: int, note: bytes) -> int:
        """Take the next attempt number of a member, from 1, and leave a note of who took it.

        The number is taken by a create-only write, so that it grows strictly, whatever else is lost.
        """
        return self._take_number(f"{_member(run_id, index)}/attempts/", note)

    def attempt_note(self, run_id: str, index: int, attempt: int) -> AttemptNote:
        """Return who took an attempt."""
        key = f"{_attempt(run_id, index, attempt)}/attempt.json"
        return AttemptNote.decode(self.objects.get(key), key)

    def hand_over(self, run_id: str, index: int, attempt: int) -> None:
        """Note that an attempt does not count against its member: it ended on purpose, or the run was resumed since."""
        self.objects.replace(f"{_attempt(run_id, index, attempt)}/handed-over.json", b"{}\n")

    def attempts(self, run_id: str, index: int) -> tuple[Attempt, ...]:
        """Return the attempts that a member has had, in order; nothing but names is read."""
        folder = f"{_member(run_id, index)}/attempts/"
        names: dict[int, list[list[str]]] = {}
        for key in self.objects.list(folder):
            number, *rest = key.removeprefix(folder).split("/")
            if number.isdecimal():
                names.setdefault(int(number), []).append(rest)
        return tuple(
            Attempt(
                number=number,
                saved=tuple(filter(None, (_saved_epoch(number, parts) for parts in names[number]))),
                handed_over=["handed-over.json"] in names[number],
            )
            for number in sorted(names)
        )

    def save_epoch(self, run_id: str, index: int, attempt: int, epoch: int, state: bytes) -> SavedEpoch:
        """Publish the training state after an epoch."""
        saved = SavedEpoch(attempt=attempt, epoch=epoch, sha256=hashlib.sha256(state).hexdigest())
        self.objects.replace(_epoch(run_id, index, saved), state)
        return saved

    def saved_epoch(self, run_id: str, index: int, saved: SavedEpoch) -> bytes:
        """Return a training state; raise `CorruptObjectError` if it is not what was published."""
        return self._verified(_epoch(run_id, index, saved), saved.sha256)

    def forget_epoch(self, run_id: str, index: int, saved: SavedEpoch) -> None:
        """Remove a training state that nobody needs any more."""
        self.objects.delete(_epoch(run_id, index, saved))

    def forget_epochs(self, run_id: str, index: int) -> None:
        """Remove all training states of a member that has a record."""
        for attempt in self.attempts(run_id, index):
            for saved in attempt.saved:
                self.forget_epoch(run_id, index, saved)

    def put_weights(self, run_id: str, index: int, attempt: int, weights: bytes) -> None:
        """Publish the weights of one attempt, HDF5."""
        self.objects.replace(f"{_attempt(run_id, index, attempt)}/weights.hdf5", weights)

    def weights(self, run_id: str, index: int, attempt: int, sha256: str) -> bytes:
        """Return the weights of an attempt; raise `CorruptObjectError` if they are not those of the record."""
        return self._verified(f"{_attempt(run_id, index, attempt)}/weights.hdf5", sha256)

    def put_member_probabilities(self, run_id: str, index: int, attempt: int, probabilities: bytes) -> None:
        """Publish the member's own test probabilities, `.npy`."""
        self.objects.replace(f"{_attempt(run_id, index, attempt)}/probabilities.npy", probabilities)

    def member_probabilities(self, run_id: str, index: int, attempt: int, sha256: str) -> bytes:
        """Return the member's own test probabilities, `.npy`."""
        return self._verified(f"{_attempt(run_id, index, attempt)}/probabilities.npy", sha256)

    def commit_record(self, record: MemberRecord) -> bool:
        """Commit a member's record; False if it has one already, which then stays."""
        spec = record.member.spec
        return self.objects.create(_record(spec.run_id, spec.index), record.encode())

    def record(self, run_id: str, index: int) -> MemberRecord | None:
        """Return a member's committed record, or None."""
        key = _record(run_id, index)
        return MemberRecord.decode(self.objects.get(key), key) if self.objects.exists(key) else None

    def has_record(self, run_id: str, index: int) -> bool:
        """Say whether a member has a committed record."""
        return self.objects.exists(_record(run_id, index))

    def recorded(self, run_id: str) -> list[int]:
        """Return the indices of the members that have a record, in order."""
        keys = (key.split("/") for key in self.objects.list(f"runs/{run_id}/members/"))
        return sorted(
            int(parts[3]) for parts in keys if len(parts) == 5 and parts[4] == "record.json" and parts[3].isdecimal()
        )

    def records(self, run_id: str, members: int) -> list[MemberRecord]:
        """Return the committed records of a run in the order of their indices."""
        found = (self.record(run_id, index) for index in range(members))
        return [record for record in found if record is not None]

    # The end of a run, and of each extension of it

    def start_evaluation(self, run: RunSpec, note: bytes) -> int:
        """Take the next attempt number of the evaluation, from 1, as `start_attempt` does."""
        return self._take_number(f"{_ending(run)}/evaluations/", note)

    def evaluation_starts(self, run: RunSpec) -> int:
        """Return how often the evaluation was begun."""
        return self._last_number(f"{_ending(run)}/evaluations/")

    def commit_evaluation(self, run: RunSpec, evaluation: EnsembleEvaluation, probabilities: bytes) -> bool:
        """Commit the evaluation and the ensemble's probabilities; False if the run has one already."""
        self.objects.replace(_probabilities(run, evaluation.probabilities_sha256), probabilities)
        return self.objects.create(f"{_ending(run)}/evaluation.json", evaluation.encode())

    def evaluation(self, run: RunSpec) -> EnsembleEvaluation | None:
        """Return the evaluation of a run, or None."""
        key = f"{_ending(run)}/evaluation.json"
        return EnsembleEvaluation.decode(self.objects.get(key), key) if self.objects.exists(key) else None

    def ensemble_probabilities(self, run: RunSpec, sha256: str) -> bytes:
        """Return the ensemble's probabilities: `.npz` with `train` and `test`, float32 [size, classes]."""
        return self._verified(_probabilities(run, sha256), sha256)

    def commit_failure(self, run: RunSpec, failure: RunFailure) -> bool:
        """Commit that the run ended without an evaluation; False if that stands already."""
        return self.objects.create(f"{_ending(run)}/failed.json", failure.encode())

    def failure(self, run: RunSpec) -> RunFailure | None:
        """Return why the run ended without an evaluation, or None."""
        key = f"{_ending(run)}/failed.json"
        return RunFailure.decode(self.objects.get(key), key) if self.objects.exists(key) else None

    def has_ended(self, run: RunSpec) -> bool:
        """Say whether a run was evaluated or has failed."""
        folder = _ending(run)
        return any(self.objects.exists(f"{folder}/{name}.json") for name in ("evaluation", "failed"))

    # Data sets

    def publish_dataset(self, sha256: str, data: bytes) -> None:
        """Publish a data set under its SHA-256, once."""
        self.objects.create(f"datasets/{sha256}.npz", data)

    def has_dataset(self, sha256: str) -> bool:
        """Say whether the data set is published."""
        return self.objects.exists(f"datasets/{sha256}.npz")

    def dataset(self, sha256: str) -> bytes:
        """Return the published data set, verified."""
        return self._verified(f"datasets/{sha256}.npz", sha256)

    def check_writable(self) -> None:
        """Raise `StorageError` unless something can be written and read back, and what exists is not created again."""
        probe = f"probes/{uuid.uuid4().hex}"
        self.objects.replace(probe, b"deepchord\n")
        try:
            self.objects.get(probe)
            if self.objects.create(probe, b"twice\n"):
                raise StorageError(
                    f"Storage {self.objects.url} overwrites what it is told to create only once, so two workers could "
                    "commit the same member: use a service with conditional writes (If-None-Match).",
                    permanent=True,
                )
        finally:
            self.objects.delete(probe)

    def _take_number(self, folder: str, note: bytes) -> int:
        number = self._last_number(folder) + 1
        # A listing may be older than what others have just taken: then the next one is tried.
        while not self.objects.create(f"{folder}{number:03d}/attempt.json", note):
            number += 1
        return number

    def _last_number(self, folder: str) -> int:
        names = (key.removeprefix(folder).partition("/")[0] for key in self.objects.list(folder))
        return max((int(name) for name in names if name.isdecimal()), default=0)

    def _verified(self, key: str, sha256: str) -> bytes:
        data = self.objects.get(key)
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise CorruptObjectError(
                f"{self.objects.url}/{key} is damaged: expected the SHA-256 {sha256[:12]}…, found {found[:12]}…. "
                "Restore it from a copy, or train again."
            )
        return data


def _member(run_id: str, index: int) -> str:
    return f"runs/{run_id}/members/{index:03d}"


def _attempt(run_id: str, index: int, attempt: int) -> str:
    return f"{_member(run_id, index)}/attempts/{attempt:03d}"


def _record(run_id: str, index: int) -> str:
    return f"{_member(run_id, index)}/record.json"


def _epoch(run_id: str, index: int, saved: SavedEpoch) -> str:
    return f"{_attempt(run_id, index, saved.attempt)}/epochs/{saved.epoch:06d}-{saved.sha256}.npz"


def _saved_epoch(attempt: int, parts: list[str]) -> SavedEpoch | None:
    found = re.fullmatch(r"epochs/([0-9]{6})-([0-9a-f]{64})\.npz", "/".join(parts))
    return None if found is None else SavedEpoch(attempt=attempt, epoch=int(found[1]), sha256=found[2])


def _ending(run: RunSpec) -> str:
    """Return where the end of a run lies: an extended run ends anew."""
    return f"runs/{run.run_id}" + (f"/extensions/{run.extension:03d}" if run.extension else "")


def _cancellation(run_id: str) -> str:
    return f"runs/{run_id}/cancelled.json"


def _local(run_id: str) -> str:
    return f"runs/{run_id}/local.json"


def _probabilities(run: RunSpec, sha256: str) -> str:
    return f"{_ending(run)}/probabilities-{sha256[:12]}.npz"
