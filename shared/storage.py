"""Every path and key of shared storage in one place, and the few operations that a storage must offer."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import unquote

from shared.errors import CorruptObjectError, InputError, ObjectNotFoundError, RunNotFoundError
from shared.messages import EnsembleEvaluation, MemberRecord, RunFailure, RunSpec


@runtime_checkable
class ObjectStore(Protocol):
    """A flat name space of immutable or replaceable byte strings; keys are relative paths with `/`.

    A reader sees an object whole or not at all. Every operation raises `StorageError` when the storage cannot do it.
    """

    @property
    def url(self) -> str:
        """The address, fit to be printed."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Write unless the key exists; return whether this call wrote it. Exactly one of many callers wins."""
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Write, whatever was there before."""
        ...

    def get(self, key: str) -> bytes:
        """Return the bytes; raise `ObjectNotFoundError` if there are none."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with the prefix (whole folders: it ends in `/` or is empty), sorted."""
        ...

    def exists(self, key: str) -> bool:
        """Say whether the key holds an object."""
        ...


def open_object_store(url: str) -> ObjectStore:
    """Return the storage at a URL: a plain path or `file:///folder`.

    Raises:
        InputError: A scheme that deepchord does not know.
    """
    from shared.folder_store import FolderStore

    scheme, separator, rest = url.partition("://")
    if not separator:
        return FolderStore(Path(os.path.expanduser(url)).absolute())  # noqa: PTH111  leaves an unknown ~user as it is
    if scheme == "file" and rest.removeprefix("localhost").startswith("/"):
        return FolderStore(Path(unquote(rest.removeprefix("localhost"))))
    raise InputError(f"Storage {scheme}:// is not known: give a folder, as a path or as file:///folder.")


class RunStore:
    """Runs, members, weights and data sets in shared storage: the only place where their keys are spelled."""

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects

    @classmethod
    def open(cls, url: str) -> "RunStore":
        """Return the store at a storage URL."""
        return cls(open_object_store(url))

    # Runs

    def create_run(self, spec: RunSpec) -> bool:
        """Publish the spec; False if the run exists."""
        return self.objects.create(f"runs/{spec.run_id}/run.json", spec.encode())

    def run(self, run_id: str) -> RunSpec:
        """Return the spec of a run; raise `RunNotFoundError` if there is none."""
        key = f"runs/{run_id}/run.json"
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", run_id) or not self.objects.exists(key):
            raise RunNotFoundError(
                f"There is no run {run_id!r} in {self.objects.url}; `deepchord runs` lists those there are."
            )
        return RunSpec.decode(self.objects.get(key), key)

    def run_ids(self) -> list[str]:
        """Return the ids of all runs, oldest first (ids begin with their date)."""
        keys = (key.split("/") for key in self.objects.list("runs/"))
        return sorted({parts[1] for parts in keys if len(parts) == 3 and parts[2] == "run.json"})

    # Members

    def start_attempt(self, run_id: str, index: int, note: bytes) -> int:
        """Take the next attempt number of a member, from 1, and leave a note of who took it.

        The number is taken by a create-only write, so that it grows strictly, whatever else is lost.
        """
        return self._take_number(f"{_member(run_id, index)}/attempts/", note)

    def attempts(self, run_id: str, index: int) -> int:
        """Return how many attempts a member has had."""
        return self._last_number(f"{_member(run_id, index)}/attempts/")

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

    # The end of a run

    def start_evaluation(self, run_id: str, note: bytes) -> int:
        """Take the next attempt number of the evaluation, from 1, as `start_attempt` does."""
        return self._take_number(f"runs/{run_id}/evaluations/", note)

    def commit_evaluation(self, run_id: str, evaluation: EnsembleEvaluation, probabilities: bytes) -> bool:
        """Commit the evaluation and the ensemble's probabilities; False if the run has one already."""
        self.objects.replace(_probabilities(run_id, evaluation.probabilities_sha256), probabilities)
        return self.objects.create(f"runs/{run_id}/evaluation.json", evaluation.encode())

    def evaluation(self, run_id: str) -> EnsembleEvaluation | None:
        """Return the evaluation of a run, or None."""
        key = f"runs/{run_id}/evaluation.json"
        return EnsembleEvaluation.decode(self.objects.get(key), key) if self.objects.exists(key) else None

    def ensemble_probabilities(self, run_id: str, sha256: str) -> bytes:
        """Return the ensemble's probabilities: `.npz` with `train` and `test`, float32 [size, classes]."""
        return self._verified(_probabilities(run_id, sha256), sha256)

    def commit_failure(self, run_id: str, failure: RunFailure) -> bool:
        """Commit that the run ended without an evaluation; False if that stands already."""
        return self.objects.create(f"runs/{run_id}/failed.json", failure.encode())

    def failure(self, run_id: str) -> RunFailure | None:
        """Return why the run ended without an evaluation, or None."""
        key = f"runs/{run_id}/failed.json"
        return RunFailure.decode(self.objects.get(key), key) if self.objects.exists(key) else None

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
        """Raise `StorageError` unless something can be written and read back."""
        self.objects.replace("probe", b"deepchord\n")
        self.objects.get("probe")

    def _take_number(self, folder: str, note: bytes) -> int:
        while True:
            number = self._last_number(folder) + 1
            if self.objects.create(f"{folder}{number:03d}/attempt.json", note):
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


def _probabilities(run_id: str, sha256: str) -> str:
    return f"runs/{run_id}/probabilities-{sha256[:12]}.npz"


__all__ = ["ObjectNotFoundError", "ObjectStore", "RunStore", "open_object_store"]
