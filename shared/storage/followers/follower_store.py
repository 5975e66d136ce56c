"""The notes of those who follow a run, each created once, so that several who follow it do not do the same."""

from pydantic import AwareDatetime

from deepchord.shared.errors import ObjectNotFoundError
from deepchord.shared.storage.documents import read_document
from deepchord.shared.storage.followers import follower_keys
from deepchord.shared.storage.object_store import ObjectStore
from deepchord.shared.validation import Message


class Claim(Message):
    """Who tells somebody of a run, or has told, and when that began."""

    host: str
    claimed_at: AwareDatetime


class TrackedAs(Message):
    """What a run is called in a tracker of experiments."""

    id: str


class FollowerStore:
    """The notes of those who follow one run."""

    def __init__(self, objects: ObjectStore, run_id: str) -> None:
        self._objects = objects
        self._run_id = run_id

    def claims(self, notice: str) -> tuple[int, bool]:
        """Return how many have claimed a notice, and whether it was told."""
        found = set(self._objects.list(follower_keys.notice_claims(self._run_id, notice)))
        numbers = (follower_keys.notice_claim_number(key) for key in found)
        return max((number for number in numbers if number is not None), default=0), (
            follower_keys.notice_told(self._run_id, notice) in found
        )

    def claim(self, notice: str, number: int) -> Claim:
        """Return the claim of a notice with this number, from 1; raise `StorageError` if there is none."""
        return read_document(self._objects, Claim, follower_keys.notice_claim(self._run_id, notice, number), _REMEDY)

    def create_claim(self, notice: str, number: int, claim: Claim) -> bool:
        """Claim a notice; return False if somebody else was faster."""
        return self._objects.create(follower_keys.notice_claim(self._run_id, notice, number), claim.encode())

    def note_told(self, notice: str, claim: Claim) -> None:
        """Note that a notice was told."""
        self._objects.create(follower_keys.notice_told(self._run_id, notice), claim.encode())

    def tracked_as(self, tracker: str) -> str | None:
        """Return what the run is called in a tracker; None: nobody has recorded it there."""
        try:
            return read_document(self._objects, TrackedAs, follower_keys.tracker(self._run_id, tracker), _REMEDY).id
        except ObjectNotFoundError:
            return None

    def note_tracked(self, tracker: str, name: str, *, replace: bool = False) -> str:
        """Note what the run is called in a tracker; return what holds: that of somebody who was faster, or this.

        Args:
            tracker: The tracker.
            name: What the run is called there.
            replace: Whether to forget what was noted before.
        """
        key, data = follower_keys.tracker(self._run_id, tracker), TrackedAs(id=name).encode()
        if replace:
            self._objects.replace(key, data)
        elif not self._objects.create(key, data):
            return self.tracked_as(tracker) or name
        return name


_REMEDY = "Remove it: it is only a note."
