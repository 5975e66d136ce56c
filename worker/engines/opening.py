"""Which engines this environment has, and how one is opened."""

import gc
import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from shared.errors import DeepchordError, EngineError
from shared.plaidml_hardware import PlaidMLHardware
from shared.settings import Settings
from shared.sharing import allotted_cores
from worker.engines import ENGINES, Engine


def installed_engines() -> tuple[str, ...]:
    """Return the names of the engines that can be opened here, best first; imports none of them."""
    return tuple(name for name in ENGINES if why_not_installed(name) is None)


def why_not_installed(name: str) -> str | None:
    """Return why an engine cannot be opened in this environment and what to do; None if nothing speaks against it."""
    generation = _keras_generation()
    if name == "plaidml":
        if importlib.util.find_spec("plaidml") is None:
            return _NO_PLAIDML_ON_ARM if platform.machine().lower() in _ARM else _hint(name)
        if generation != 2:
            found = f"has Keras {importlib.metadata.version('keras')}" if generation else "has no Keras"
            return (
                f"PlaidML needs Keras 2.2.4, and this environment {found}: give it an environment of its own with "
                "`make plaidml`, or with python3 -m venv and pip install 'deepchord[plaidml]' there"
            )
        return None
    if importlib.util.find_spec(name) is None or generation is None:
        return _hint(name)
    if generation < 3:
        return (
            f"{name} needs Keras 3, and this environment has Keras 2 for PlaidML: install it in an environment of "
            f"its own, with pip install 'deepchord[{name}]' there"
        )
    return None


_ARM = ("arm64", "aarch64")
_NO_PLAIDML_ON_ARM = (
    "not installed: PlaidML has no build for Arm processors; on a Mac with Apple silicon, "
    "pip install 'deepchord[torch]' trains on its GPU through Metal"
)


def _hint(name: str) -> str:
    return f"not installed: pip install 'deepchord[{name}]'"


def _keras_generation() -> int | None:
    """Return 2 or 3, or None without Keras."""
    try:
        return int(importlib.metadata.version("keras").partition(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return None


def choose_engine(name: str) -> str:
    """Return the engine to open: the one that is named, or for `auto` the first that is installed.

    Raises:
        EngineError: It is not installed here.
    """
    installed = installed_engines()
    if name == "auto":
        if not installed:
            raise EngineError(
                "No engine is installed in this environment. Install one: pip install 'deepchord[tensorflow]'."
            )
        return installed[0]
    reason = why_not_installed(name)
    if reason is not None:
        found = ", ".join(installed) or "none"
        raise EngineError(f"The engine {name} cannot be used here (installed: {found}); {reason}.")
    return name


def open_engine(
    name: str,
    threads: int | None = None,
    device: str | None = None,
    plaidml_hardware: Mapping[str, PlaidMLHardware] | None = None,
    programs: Path | None = None,
) -> Engine:
    """Return an engine, its framework imported and ready. A process can open one only.

    Args:
        name: An engine, or `auto` for the first that is installed.
        threads: Processor threads that it may use; None: as many as there are cores, or a container's
            share of them. PlaidML always takes all.
        device: One of its devices, by id; None: the best.
        plaidml_hardware: Settings for PlaidML's devices, by a regular expression for their ids.
        programs: A folder where JAX keeps what it has compiled, for the next member and for other processes; None:
            nowhere, unless `JAX_COMPILATION_CACHE_DIR` names one.

    Raises:
        EngineError: It is not installed, has no such device, or another engine is open in this process.
    """
    chosen = choose_engine(name)
    try:
        with _garbage_left_alone():
            return _opened(chosen, threads, device, plaidml_hardware, programs)
    except DeepchordError:
        raise
    except Exception as error:  # whatever a broken installation raises
        raise EngineError(
            f"The engine {chosen} is installed but does not open ({type(error).__name__}: {error}); "
            f"install it anew: pip install --force-reinstall 'deepchord[{chosen}]'."
        ) from error


@contextmanager
def _garbage_left_alone() -> Iterator[None]:
    """Collect no garbage within the block: imports leave hardly any, and looking for it takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _opened(
    name: str,
    threads: int | None,
    device: str | None,
    plaidml_hardware: Mapping[str, PlaidMLHardware] | None,
    programs: Path | None,
) -> Engine:
    if name == "plaidml":
        from worker.engines.plaidml import PlaidMLEngine

        return PlaidMLEngine(device, plaidml_hardware)
    from worker.engines.keras3 import Keras3Engine

    return Keras3Engine(name, threads or allotted_cores(), device, programs)


def open_engine_of(settings: Settings) -> Engine:
    """Return the engine of the settings; see `open_engine`."""
    programs = settings.cache / "programs"
    return open_engine(settings.engine, settings.threads, settings.device, settings.plaidml_hardware, programs)
