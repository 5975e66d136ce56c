"""Finds the engines of this environment without importing them, and says how to install missing ones."""

import importlib.metadata
import importlib.util
import platform

from deepchord.shared.errors import EngineError

#: The engines of Keras 3; each name is also the name of the package that the engine needs.
KERAS3_BACKENDS = ("tensorflow", "torch", "jax")
#: All engines, in the order in which `auto` tries them.
ENGINES = (*KERAS3_BACKENDS, "plaidml")


def how_to_install(extra: str, *, anew: bool = False) -> str:
    """Return the command that installs an optional part in a clone of deepchord; there is no release yet.

    Args:
        extra: The name of the part in pyproject.toml.
        anew: Whether the part is installed but broken.
    """
    return f"pip install {'--force-reinstall ' if anew else ''}'.[{extra}]' in your clone of deepchord"


def installed_engines() -> tuple[str, ...]:
    """Return the names of the engines that can be opened here, the best first; none is imported."""
    return tuple(name for name in ENGINES if why_not_installed(name) is None)


def why_not_installed(name: str) -> str | None:
    """Return why an engine cannot be opened in this environment and what to do; None if it can."""
    generation = _keras_generation()
    if name == "plaidml":
        if importlib.util.find_spec("plaidml") is None:
            return _NO_PLAIDML_ON_ARM if platform.machine().lower() in _ARM else _hint(name)
        if generation != 2:
            found = f"has Keras {importlib.metadata.version('keras')}" if generation else "has no Keras"
            return (
                f"PlaidML needs Keras 2.2.4, and this environment {found}: give it an environment of its own with "
                f"`make plaidml`, or with python3 -m venv and, by the pip of that, {how_to_install('plaidml')}"
            )
        return None
    if importlib.util.find_spec(name) is None or generation is None:
        return _hint(name)
    if generation < 3:
        return (
            f"{name} needs Keras 3, and this environment has Keras 2 for PlaidML: install it in an environment of "
            f"its own, by the pip of that: {how_to_install(name)}"
        )
    return None


_ARM = ("arm64", "aarch64")
_NO_PLAIDML_ON_ARM = (
    "not installed: PlaidML has no build for Arm processors; PyTorch trains on the GPU of a Mac with Apple silicon "
    f"through Metal: {how_to_install('torch')}"
)


def _hint(name: str) -> str:
    return f"not installed: {how_to_install(name)}"


def _keras_generation() -> int | None:
    """Return the generation of the installed Keras, 2 or 3; None without Keras."""
    try:
        return int(importlib.metadata.version("keras").partition(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return None


def choose_engine(name: str) -> str:
    """Return the engine to open: the named one, or for `auto` the first that is installed.

    Raises:
        EngineError: It is not installed here.
    """
    installed = installed_engines()
    if name == "auto":
        if not installed:
            raise EngineError(
                "No engine is installed in this environment, so that nothing can be trained here. Install one: "
                f"{how_to_install('tensorflow')}."
            )
        return installed[0]
    reason = why_not_installed(name)
    if reason is not None:
        found = ", ".join(installed) or "none"
        raise EngineError(f"The engine {name} cannot be used here (installed: {found}); {reason}.")
    return name
