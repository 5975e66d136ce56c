"""What all viewers see: versions of the list of runs, of the workers and of the runs looked at; one poller fills it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from deepchord.coordinator.dashboard.encoding import encode


@dataclass(frozen=True, kw_only=True)
class _Piece:
    version: int
    data: bytes


@dataclass(kw_only=True)
class Board:
    """Pieces of JSON, each with the version at which it last changed; a viewer is sent what is newer than what it has.

    It belongs to the event loop: the poller reads in a thread, and hands over here what it found.
    """

    version: int = 0
    _runs: dict[str, _Piece] = field(default_factory=dict)
    _removed: dict[str, int] = field(default_factory=dict)
    #: Sent to everybody, by the name of the event.
    _common: dict[str, _Piece] = field(default_factory=dict)
    #: Parts of runs that are looked at.
    _parts: dict[str, dict[str, _Piece]] = field(default_factory=dict)
    #: The last message about the list of runs, and for whom it was made: most viewers are at the same version.
    _made: tuple[int, int, bytes] = (-1, -1, b"")

    def update(
        self,
        runs: Mapping[str, bytes],
        common: Mapping[str, bytes],
        parts: Mapping[str, Mapping[str, bytes] | None],
    ) -> bool:
        """Take what the poller found; return whether anything is new.

        Args:
            runs: All runs of the list.
            common: What everybody is sent, by the name of the event.
            parts: The runs that are looked at; None: as before. Those that are left out are forgotten.
        """
        version = self.version + 1
        changed = _merge(self._runs, runs, version)
        for gone in self._runs.keys() - runs.keys():
            del self._runs[gone]
            self._removed[gone] = version
            changed = True
        self._removed = {run_id: at for run_id, at in self._removed.items() if run_id not in runs}
        changed |= _merge(self._common, common, version)
        for run_id in self._parts.keys() - parts.keys():
            del self._parts[run_id]
        for run_id, found in parts.items():
            changed |= _merge(self._parts.setdefault(run_id, {}), found or {}, version)
        self.version = version if changed else self.version
        return changed

    def news(self, since: int, run_id: str | None) -> Iterator[bytes]:
        """Yield the events for a viewer that has seen a version, and looks at a run or at none."""
        if any(piece.version > since for piece in self._runs.values()) or any(
            version > since for version in self._removed.values()
        ):
            yield self._list_event(since)
        parts = {} if run_id is None else self._parts.get(run_id, {})
        for name, piece in (*self._common.items(), *parts.items()):
            if piece.version > since:
                yield event(name, piece.data)

    def _list_event(self, since: int) -> bytes:
        if self._made[:2] != (since, self.version):
            changed = b",".join(piece.data for piece in self._runs.values() if piece.version > since)
            removed = encode([run_id for run_id, version in self._removed.items() if version > since])
            self._made = (since, self.version, event("runs", b'{"runs":[%s],"removed":%s}' % (changed, removed)))
        return self._made[2]


def event(name: str, data: bytes) -> bytes:
    """Return a server-sent event; the JSON of `encode` has no line breaks."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


def _merge(pieces: dict[str, _Piece], found: Mapping[str, bytes], version: int) -> bool:
    new = {name: data for name, data in found.items() if name not in pieces or pieces[name].data != data}
    pieces.update({name: _Piece(version=version, data=data) for name, data in new.items()})
    return bool(new)
