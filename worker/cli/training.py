"""The command that trains members: worker."""

from contextlib import ExitStack
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
    loglevel: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Train members on this machine until Ctrl-C: takes them from the broker, puts weights into storage.

    Starts workers for each GPU, or for the processor if there is none; --engine and --device choose one. How many of
    them train fastest together is measured once, unless --workers or --threads is given.
    """
    from deepchord.shared.broker import probe_broker
    from deepchord.shared.settings import load_settings
    from deepchord.shared.storage import RunStore
    from deepchord.worker.devices import plan_workers, with_name
    from deepchord.worker.launch import run_worker

    settings = load_settings(
        broker=broker, storage=storage, engine=engine, device=device, workers=workers, threads=threads
    )
    probe_broker(settings)
    RunStore.open(settings).check_writable()
    with ExitStack() as stack:  # holds the claims on the devices until the last worker has ended
        chosen = _chosen_devices(settings, stack)
        starts = tuple(
            start for one in chosen for start in plan_workers(settings, *one, typer.echo, devices=len(chosen))
        )
        starts = starts if name is None else with_name(starts, name)
        if len(starts) == 1:
            (start,) = starts
            run_worker(start.settings(settings), start.name, loglevel)
        raise typer.Exit(_run_together(settings, starts, loglevel))


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


def _run_together(settings: "Settings", starts: "tuple[Start, ...]", loglevel: str) -> int:
    """Run several workers, each in a process of its own; return the exit code of the command."""
    from deepchord.shared.logs import configure_logging
    from deepchord.shared.settings import export_settings
    from deepchord.worker.devices import worker_command
    from deepchord.worker.service import run_each

    together = starts[0].settings(settings).for_workers(len(starts))
    export_settings(settings.model_copy(update={"evaluation_threads": together.evaluation_threads}))
    configure_logging(settings)
    return run_each((start.name, worker_command(start, loglevel)) for start in starts)
