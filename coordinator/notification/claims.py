"""Claims in storage: of all who look after a run, one tells each recipient what has happened.

A claim is an object that is created once. Whoever dies between its claim and the notice is followed by another one.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from deepchord.coordinator.notification.notice import Notice
from deepchord.shared.storage import RunStore
from deepchord.shared.storage.followers import Claim, FollowerStore

#: A claim without a note that the recipient was told is given up after this time.
_HELD_FOR = timedelta(minutes=2)
#: How many claims there are for one notice to one recipient.
_MOST_CLAIMS = 3


def _now() -> datetime:
    return datetime.now(UTC)


class Claims:
    """The claims for one recipient."""

    def __init__(self, store: RunStore, address: str, host: str, clock: Callable[[], datetime] = _now) -> None:
        """Take the storage; nothing is read yet.

        Args:
            store: Shared storage.
            address: That of the recipient; storage gets a digest of it that tells nothing.
            host: The name of this machine.
            clock: Returns the present time.
        """
        self._store = store
        self._address = address
        self._host = host
        self._clock = clock

    def take(self, notice: Notice) -> bool | None:
        """Claim to tell a notice.

        Returns:
            Whether this caller is to tell it; None: another one has claimed it, and has not told it yet.

        Raises:
            StorageError: Storage does not answer.
            MessageDecodeError: A claim is damaged.
        """
        notes, name = self._notes(notice), self._name(notice)
        claims, is_told = notes.claims(name)
        if is_told:
            return False
        if claims and self._clock() - notes.claim(name, claims).claimed_at < _HELD_FOR:
            return None
        if claims >= _MOST_CLAIMS:
            return False
        return notes.create_claim(name, claims + 1, self._claim()) or None

    def note_told(self, notice: Notice) -> None:
        """Note that the recipient was told; raise `StorageError` if storage does not answer."""
        self._notes(notice).note_told(self._name(notice), self._claim())

    def _notes(self, notice: Notice) -> FollowerStore:
        return FollowerStore(self._store.objects, notice.run_id)

    def _claim(self) -> Claim:
        return Claim(host=self._host, claimed_at=self._clock())

    def _name(self, notice: Notice) -> str:
        return f"{notice.id.removeprefix(f'{notice.run_id}-')}-{_digest(self._address, notice.run_id)}"


@lru_cache(maxsize=256)
def _digest(address: str, run_id: str) -> str:
    """Return a digest of an address: others read the storage, and are not to find a short secret by trying many."""
    return hashlib.scrypt(address.encode(), salt=run_id.encode(), n=2**14, r=8, p=1, dklen=8).hex()
