"""The command that trains members: worker."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from deepchord.shared.errors import EngineError
from deepchord.worker.cli.options import Broker, Device, Engine, Storage, Threads

if TYPE_CHECKING:
    from deepchord.shared.settings import Settings
    from deepchord.worker.devices import Start

# Heavy modules are imported by the command that needs them, so that `deepchord --help` answers in a blink.

commands = typer.Typer(add_completion=False)


@commands.command()
def worker(
    broker: Broker = None,
    storage: Storage = None,
    engine: Engine = None,
    device: Device = None,
    workers: Annotated[
        int | None, typer.Option(help="How many on each device; default: what a measurement finds. [DEEPCHORD_WORKERS]")
    ] = None,
    threads: Threads = None,
    name: Annotated[str | None, typer.Option(help="How Flower calls it; default: the engine and this host.")] = None,
    when_idle: Annotated[
        bool | None, typer.Option("--when-idle", help="Only while nobody uses this machine. [DEEPCHORD_WHEN_IDLE]")
    ] = None,
    hours: Annotated[
        str | None, typer.Option(metavar="FROM-TO", help="Only then, in local time: 19:00-07:00. [DEEPCHORD_HOURS]")
    ] = None,
    until_empty: Annotated[
        bool | None, typer.Option("--until-empty", help="End when nothing waits any more. [DEEPCHORD_UNTIL_EMPTY]")
    ] = None,
    end_after_s: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="End after 2h, say, or 30m. [DEEPCHORD_END_AFTER_S]")
    ] = None,
    end_after_members: Annotated[
        int | None, typer.Option("--members", help="End after so many members. [DEEPCHORD_END_AFTER_MEMBERS]")
    ] = None,
    nice: Annotated[
        int | None, typer.Option(help="Give way to other programs: 0, not at all, to 19. [DEEPCHORD_NICE]")
    ] = None,
    memory_limit: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="For all of them together: 4GB, say. [DEEPCHORD_MEMORY_LIMIT_BYTES]"),
    ] = None,
    loglevel: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Train members on this machine until Ctrl-C: takes them from the broker, puts weights into storage.

    Starts workers for each GPU, or for the processor if there is none; --engine and --device choose one. How many of
    them train fastest together is measured once, unless --workers or --threads is given. Whenever they may not go on,
    they hand their members over, and nothing is lost.
    """
    from deepchord.shared.broker import probe_broker
    from deepchord.shared.settings import load_settings
    from deepchord.shared.storage import RunStore
    from deepchord.worker.service import has_terms

    settings = load_settings(
        broker=broker,
        storage=storage,
        engine=engine,
        device=device,
        workers=workers,
        threads=threads,
        when_idle=when_idle,
        hours=hours,
        until_empty=until_empty,
        end_after_s=end_after_s,
        end_after_members=end_after_members,
        nice=nice,
        memory_limit_bytes=memory_limit,
    )
    probe_broker(settings)
    RunStore.open(settings).check_writable()
    with ExitStack() as stack:  # holds the claims on the devices until the last worker has ended
        chosen = _chosen_devices(settings, stack)
        settings = _with_allowance(settings, stack)
        run = _run_on_terms if has_terms(settings) else _run
        raise typer.Exit(run(settings, chosen, name, loglevel))


def _run(settings: "Settings", chosen: "list[tuple[str, str | None]]", name: str | None, loglevel: str) -> int:
    """Run the workers for some devices; return the exit code of the command. A single one runs in this process."""
    from deepchord.worker.launch import run_worker
    from deepchord.worker.service import run_each

    starts = _plan(settings, chosen, name)
    if len(starts) == 1:
        (start,) = starts
        run_worker(start.settings(settings), start.name, loglevel)
    return run_each(_commands(settings, starts, loglevel))


def _run_on_terms(settings: "Settings", chosen: "list[tuple[str, str | None]]", name: str | None, loglevel: str) -> int:
    """Run the workers for some devices while the machine may be used; return the exit code of the command."""
    from deepchord.shared.logs import configure_logging
    from deepchord.worker.devices import worker_name
    from deepchord.worker.service import run_on_terms, without_terms

    def commands() -> Iterator[tuple[str, list[str]]]:  # what is measured first waits for the free machine, too
        own = without_terms(settings)
        yield from _commands(own, _plan(own, chosen, name), loglevel)

    configure_logging(settings)
    waiting = [(worker_name(*one) if name is None else name, one[0]) for one in chosen]
    return run_on_terms(settings, waiting, commands())


def _plan(settings: "Settings", chosen: "list[tuple[str, str | None]]", name: str | None) -> "tuple[Start, ...]":
    """Return the workers for some engines and devices."""
    from deepchord.worker.devices import plan_workers, with_name

    starts = tuple(start for one in chosen for start in plan_workers(settings, *one, typer.echo, devices=len(chosen)))
    return starts if name is None else with_name(starts, name)


def _commands(settings: "Settings", starts: "tuple[Start, ...]", loglevel: str) -> "list[tuple[str, list[str]]]":
    """Return name and command of workers in processes of their own, which inherit the settings."""
    from deepchord.shared.logs import configure_logging
    from deepchord.shared.settings import export_settings
    from deepchord.worker.devices import worker_command

    together = starts[0].settings(settings).for_workers(len(starts))
    export_settings(settings.model_copy(update={"evaluation_threads": together.evaluation_threads}))
    configure_logging(settings)
    return [(start.name, worker_command(start, loglevel)) for start in starts]


def _with_allowance(settings: "Settings", stack: ExitStack) -> "Settings":
    """Let the workers of this command train only so many members as the settings say; return the settings for them."""
    from deepchord.shared.settings import ALLOWANCE_VARIABLE, export_settings
    from deepchord.worker.allowance import Allowance

    if settings.end_after_members is None:
        return settings
    settings.state.mkdir(parents=True, exist_ok=True)
    folder = stack.enter_context(TemporaryDirectory(prefix="members-", dir=settings.state))
    Allowance.create(Path(folder), settings.end_after_members)
    settings = settings.model_copy(update={"end_after_members": None})
    export_settings(settings, **{ALLOWANCE_VARIABLE: folder})
    return settings


def _chosen_devices(settings: "Settings", stack: ExitStack) -> list[tuple[str, str | None]]:
    """Return the engines and devices to start workers for; a device of None is the engine's best one.

    Args:
        settings: Engine and device. If the engine is not given, all devices that no other worker has are taken.
        stack: Releases the claims on these devices when it is closed.

    Raises:
        EngineError: Other workers of this user have all devices, or this host has none.
    """
    from deepchord.shared.host import choose_engine
    from deepchord.worker.devices import claim_device, find_assignments

    chosen = choose_engine(settings.engine)
    if settings.device not in (None, "gpu", "cpu") or settings.engine != "auto":
        return [(chosen, settings.device)]
    found = find_assignments(settings)
    holders = [stack.enter_context(claim_device(settings, one)) for one in found]
    free = [one for one, holder in zip(found, holders, strict=True) if holder is None]
    if not free:
        listed = ", ".join(holder for holder in holders if holder is not None)
        raise EngineError(
            f"Another worker of this user trains on all there is here ({listed}); "
            "to start a second one on the same device, give that with --engine and --device, and another "
            "name with --name."
        )
    return [(one.engine, one.device.id) for one in free]
