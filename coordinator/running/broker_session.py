"""The broker of one command: the broker that was given, or an embedded one with workers and Flower beside it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from deepchord.coordinator.local import choose_workers, local_session
from deepchord.coordinator.monitoring import running_flower
from deepchord.coordinator.runs import is_embedded, submit
from deepchord.shared.messages import RunSpec
from deepchord.shared.process import terminations_as_interrupts
from deepchord.shared.queue import create_app
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore


def _serve_all(run_id: str) -> None:
    """Do nothing: a broker of a fleet is that of any run."""


@dataclass(frozen=True, kw_only=True)
class BrokerSession:
    """The broker of one command, while it is in use."""

    #: The settings of the command, with this broker.
    settings: Settings
    #: Whether this command has started the broker, and the workers with it.
    embedded: bool
    #: Raises `WorkersStoppedError` if no worker is left on this machine.
    check: Callable[[], None]
    #: Flower's address, if Flower runs beside it.
    flower_address: str | None
    #: Makes it the broker of another run, by its id.
    serve: Callable[[str], None] = _serve_all


@contextmanager
def open_broker(settings: Settings, run: RunSpec, report: Callable[[str], None]) -> Iterator[BrokerSession]:
    """Use the broker that was given, or start one with workers on this machine, for the length of a block.

    Args:
        settings: Which broker, and how many workers; without a number, the best one is measured.
        run: What is to be trained.
        report: Called with a sentence before a step that takes a while.

    Raises:
        BrokerError: The embedded broker does not start.
        WorkersStoppedError: A worker cannot be started.
        InputError: Flower is asked for and does not start.
    """
    with ExitStack() as stack:
        stack.enter_context(terminations_as_interrupts())
        environment = None
        check: Callable[[], None] = _check_nothing
        serve: Callable[[str], None] = _serve_all
        embedded = is_embedded(settings)
        if embedded:
            sized, devices = choose_workers(settings, run, report)
            opening = local_session(sized, devices=devices, run_id=run.run_id, grace_s=settings.grace_s)
            session = stack.enter_context(opening)
            settings, environment = session.settings, session.environment()
            check, serve = session.check, session.serve
        address = stack.enter_context(running_flower(settings, environment)).address if settings.flower else None
        yield BrokerSession(settings=settings, embedded=embedded, check=check, serve=serve, flower_address=address)


def submits(store: RunStore, run: RunSpec) -> Callable[[BrokerSession], RunSpec]:
    """Return what submits a new run to the broker of a session, and returns the run; see `submit` for errors."""

    def start(session: BrokerSession) -> RunSpec:
        submit(create_app(session.settings), store, run, local=session.embedded)
        return run

    return start


def _check_nothing() -> None:
    """Do nothing: workers on other machines are supervised there."""
