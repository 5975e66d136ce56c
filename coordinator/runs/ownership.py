"""Whose a run is: who submits one owns it, and what others do with it they are asked about."""

from collections.abc import Sequence

import psutil

from deepchord.shared.errors import InputError
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings, broker_user
from deepchord.shared.validation import shortened


def owner_of(settings: Settings) -> str:
    """Return whose the runs are that this command submits: the user at the broker if it tells one, or else `user@host`.

    A broker's `default` user is everybody's, and tells nobody.
    """
    return _identities(settings)[0]


def is_own(settings: Settings, run: RunSpec) -> bool:
    """Return whether a run belongs to whoever gives this command, or to nobody, as those of earlier versions do."""
    return run.labels.owner in (None, *_identities(settings))


def check_owner(settings: Settings, run: RunSpec, verb: str, *, force: bool) -> None:
    """Raise `InputError` if somebody else's run would be changed without having asked for that.

    Args:
        settings: Of this command; they tell who gives it.
        run: The run. Those of earlier versions have no owner, and anybody may change them.
        verb: What is to be done with it, such as `cancel`.
        force: Whether it is to be done all the same.
    """
    if force or is_own(settings, run):
        return
    raise InputError(
        f"Run {run.run_id} belongs to {run.labels.owner}, and you are {owner_of(settings)}: to {verb} it all the "
        "same, give --force (in Python force=True)."
    )


def tags_of(given: Sequence[str] | None) -> dict[str, str] | None:
    """Return tags that were typed as `key=value`; None if none were.

    Raises:
        InputError: One has no `=`.
    """
    for tag in given or ():
        if "=" not in tag:
            raise InputError(f"--tag is {shortened(tag)}: expected KEY=VALUE, such as --tag study=dropout.")
    return {key: value for key, _, value in (tag.partition("=") for tag in given)} if given else None


def _identities(settings: Settings) -> tuple[str, ...]:
    """Return who gives this command, the name under which its runs are stored first."""
    # The variables that tell a user's name can be anything; psutil asks the system, which calls some by a number only.
    user = psutil.Process().username().rpartition("\\")[2]
    here = f"{user}@{settings.host}"
    at_broker = None if settings.broker is None or settings.local else broker_user(settings.broker)
    return (here,) if at_broker is None else (at_broker, here)
