"""Which of the runs in storage are listed: whose, since when, in which state, with which tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from deepchord.shared.command_line import parse_moment
from deepchord.shared.errors import InputError
from deepchord.shared.messages import RunSpec
from deepchord.shared.validation import suggestion, with_full_stop

#: The states of a run as a list tells them; whether anybody trains an unfinished one is not in storage.
ListedState = Literal["evaluated", "failed", "cancelled", "unfinished"]
_STATES: tuple[ListedState, ...] = get_args(ListedState)


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """What a run must be to be listed; None or nothing: anything."""

    owner: str | None = None
    state: str | None = None
    since: datetime | None = None
    #: The value that each tag must have; None: any.
    tags: Mapping[str, str | None] = field(default_factory=dict)

    def fits(self, run: RunSpec) -> bool:
        """Return whether a run is listed as far as its spec tells; its state is left to `fits_state`."""
        tags = run.labels.tags
        return (
            (self.owner is None or _is_owner(self.owner, run.labels.owner))
            and (self.since is None or run.created_at >= self.since)
            and all(key in tags and value in (None, tags[key]) for key, value in self.tags.items())
        )

    def fits_state(self, state: str) -> bool:
        """Return whether a run in this state is listed."""
        return self.state in (None, state)


def run_filter(
    owner: str | None, state: str | None, since: str | None, tags: Sequence[str] | None, now: datetime
) -> RunFilter:
    """Return the filter that options ask for.

    Args:
        owner: `user@host`, a user at the broker, or `user` alone for that user on any host.
        state: One of the states of a list.
        since: How long ago, or a date; see `parse_moment`.
        tags: `key=value`, or `key` alone for any value.
        now: The present time, in UTC.

    Raises:
        InputError: An option is not valid.
    """
    if state is not None and state not in _STATES:
        raise InputError(f"There is no state {state!r}{with_full_stop(suggestion(state, _STATES))}")
    pairs = (tag.partition("=") for tag in tags or ())
    return RunFilter(
        owner=owner,
        state=state,
        since=None if since is None else parse_moment(since, "--since", now),
        tags={key: value if sign else None for key, sign, value in pairs},
    )


def _is_owner(wanted: str, owner: str | None) -> bool:
    return owner is not None and wanted in (owner, owner.rpartition("@")[0])
