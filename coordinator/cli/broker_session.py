"""The broker that a command works with: one that was given, or a local one with workers and Flower beside it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from deepchord.coordinator.local import choose_workers, local_session, terminations_as_interrupts
from deepchord.coordinator.monitoring import running_flower
from deepchord.coordinator.runs import is_embedded
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Session:
    """The broker of one command, and how to find out that waiting for it is pointless."""

    #: The settings with the broker that is used.
    settings: Settings
    embedded: bool
    #: Raises if the workers on this machine are gone.
    check: Callable[[], None]
    flower_address: str | None


@contextmanager
def open_broker(settings: Settings, run: RunSpec, tell: Callable[[str], None]) -> Iterator[Session]:
    """Open the broker that was given, or start one with workers on this machine, for the length of a block.

    Args:
        settings: Which of both, and how many workers if the number is not to be found out.
        run: What is to be trained.
        tell: Told of what takes a while.
    """
    with ExitStack() as stack:
        stack.enter_context(terminations_as_interrupts())
        environment = None
        check: Callable[[], None] = _nothing_to_check
        embedded = is_embedded(settings)
        if embedded:
            sized, devices = choose_workers(settings, run, tell)
            opening = local_session(sized, devices=devices, run_id=run.run_id, grace_s=settings.grace_s)
            session = stack.enter_context(opening)
            settings, environment, check = session.settings, session.environment(), session.check
        address = stack.enter_context(running_flower(settings, environment)).address if settings.flower else None
        yield Session(settings=settings, embedded=embedded, check=check, flower_address=address)


def _nothing_to_check() -> None:
    """Workers on other machines are not ours to look after."""
