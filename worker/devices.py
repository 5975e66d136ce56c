"""What this host can train on: every engine that is installed, asked in a process of its own."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass

from shared.settings import Settings
from worker.engines import ENGINES, Device, why_not_installed

#: Importing a framework for the first time can take long on a slow disk.
_ASK_WITHIN_S = 180.0


@dataclass(frozen=True, kw_only=True)
class EngineReport:
    """An engine on this host: its devices, or why it has none."""

    name: str
    ready: bool
    version: str | None = None
    devices: tuple[Device, ...] = ()
    #: Why it is not ready, and what to do.
    remedy: str | None = None


def report_engines(settings: Settings) -> tuple[EngineReport, ...]:
    """Return a report of every engine that deepchord knows, installed or not."""
    return tuple(_report(name, settings) for name in ENGINES)


def _report(name: str, settings: Settings) -> EngineReport:
    reason = why_not_installed(name)
    return _ask(name, settings) if reason is None else EngineReport(name=name, ready=False, remedy=reason)


def _ask(name: str, settings: Settings) -> EngineReport:
    """Open an engine in a process of its own: a process can hold one only, and a broken one may crash it."""
    try:
        asked = subprocess.run(
            [sys.executable, "-P", "-c", _QUESTION, name],
            env=settings.environment(),
            capture_output=True,
            timeout=_ASK_WITHIN_S,
            check=False,
        )
        answer = json.loads(asked.stdout.splitlines()[-1])
        devices = tuple(Device(**device) for device in answer["devices"])
        return EngineReport(name=name, ready=True, version=answer["version"], devices=devices)
    except subprocess.TimeoutExpired:
        return EngineReport(name=name, ready=False, remedy=f"did not answer within {_ASK_WITHIN_S:.0f} s")
    except (IndexError, ValueError, KeyError, TypeError):
        return EngineReport(name=name, ready=False, remedy=_remedy(name, asked.returncode, asked.stderr))


def _remedy(name: str, code: int, stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines() or [f"no message, exit code {code}"]
    what = f"crashes ({signal.Signals(-code).name})" if code < 0 else f"fails ({lines[-1]})"
    return f"{what} when it is opened; install it anew: pip install --force-reinstall 'deepchord[{name}]'"


_QUESTION = "import sys; from worker.devices import answer; answer(sys.argv[1])"


def answer(name: str) -> None:
    """Write what an engine has to stdout, as one line of JSON; runs in the process that `_ask` starts."""
    from worker.engines import open_engine

    engine = open_engine(name)
    devices = [asdict(device) for device in engine.devices()]
    sys.stdout.write("\n" + json.dumps({"version": engine.version, "devices": devices}) + "\n")
