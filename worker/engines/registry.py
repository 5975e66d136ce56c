"""Opens an engine by its name."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deepchord.shared.errors import DeepchordError, EngineError
from deepchord.shared.host import allotted_cores, choose_engine, how_to_install
from deepchord.shared.process import import_plain_matplotlib
from deepchord.shared.settings import PlaidMLHardware, Settings
from deepchord.worker.engines.engine import Engine


def open_engine(
    name: str,
    threads: int | None = None,
    device: str | None = None,
    plaidml_hardware: Mapping[str, PlaidMLHardware] | None = None,
    programs: Path | None = None,
) -> Engine:
    """Return an engine with its framework imported. A process can open only one engine.

    Args:
        name: An engine, or `auto` for the first that is installed.
        threads: Processor threads that it may use; None: all cores, or a container's share of them. PlaidML always
            uses all.
        device: The id of one of its devices; None: the best device.
        plaidml_hardware: Settings for PlaidML's devices; the keys are regular expressions for their ids.
        programs: The folder in which JAX keeps compiled programs for later members and other processes; None: only the
            folder in `JAX_COMPILATION_CACHE_DIR`, if that is set.

    Raises:
        EngineError: It is not installed, has no such device, or another engine is open in this process.
    """
    chosen = choose_engine(name)
    try:
        with _no_garbage_collection():
            return _open(chosen, threads, device, plaidml_hardware, programs)
    except DeepchordError:
        raise
    except Exception as error:  # a broken installation may raise any error
        raise EngineError(
            f"The engine {chosen} is installed but does not open ({type(error).__name__}: {error}); "
            f"install it anew: {how_to_install(chosen, anew=True)}."
        ) from error


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collect no garbage in the block: imports leave hardly any, and the search takes a tenth of their time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _open(
    name: str,
    threads: int | None,
    device: str | None,
    plaidml_hardware: Mapping[str, PlaidMLHardware] | None,
    programs: Path | None,
) -> Engine:
    if name == "plaidml":
        from deepchord.worker.engines.plaidml import PlaidMLEngine

        return PlaidMLEngine(device, plaidml_hardware)
    from deepchord.worker.engines.keras3 import Keras3Engine

    import_plain_matplotlib()

    return Keras3Engine(name, threads or allotted_cores(), device, programs)


def open_configured_engine(settings: Settings) -> Engine:
    """Return the engine of the settings; see `open_engine`."""
    programs = settings.cache / "programs"
    return open_engine(settings.engine, settings.threads, settings.device, settings.plaidml_hardware, programs)
