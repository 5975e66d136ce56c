"""The servers that `serving` compares: how each is set up, started and stopped."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving_client import ask
from deepchord.shared.host import usable_cores

_STARTS_WITHIN_S = 60
_PEERS = Path(__file__).with_name("serving_peers")
_PORT = "{port}"


@dataclass(frozen=True, kw_only=True)
class Server:
    """How a server is started."""

    command: tuple[str, ...]
    #: Added to the environment.
    variables: dict[str, str] = field(default_factory=dict)
    #: Where it takes files.
    file_path: str = "/predict"


#: Shows what the clients are able to.
NOTHING = Server(command=(sys.executable, "-m", "benchmarks.serving_client", _PORT))


def servers(model: Path, python: str) -> tuple[dict[str, str], dict[str, Server]]:
    """Return the versions of the peers, and all servers by their names.

    Args:
        model: The exported file.
        python: Has the peers; what it lacks is left out, with a sentence.
    """
    own = (sys.executable, "-P", "-m", "deepchord", "serve", str(model), "--port", _PORT)
    found, versions, cores = {"deepchord": Server(command=own)}, {}, usable_cores()
    bentoml = ("-m", "bentoml", "serve", "bentoml_server:Ensemble", "--host", "127.0.0.1", "--port", _PORT)
    commands = {"litserve": (str(_PEERS / "litserve_server.py"), _PORT), "bentoml": bentoml}
    # Processes, threads of each, and how long a batch waits for others: LitServe's process looks for requests without a
    # rest, so that a second thread would have no core of its own; several of them take single requests if none waits.
    set_ups = {
        "litserve": {"one process": (1, 1, 0.0), "a process for each core": (cores, 1, 0.01)},
        "bentoml": {"one process": (1, cores, 0.0), "a process for each core": (cores, 1, 0.0)},
    }
    for package, command in commands.items():
        asked = [python, "-c", f"from importlib.metadata import version; import {package}; print(version({package!r}))"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        if answer.returncode:
            sys.stderr.write(f"{python} has no {package}: install .[bench] there, or give --peers.\n")
            continue
        versions[package] = answer.stdout.strip()
        for set_up, (workers, threads, wait_s) in set_ups[package].items():
            variables = {
                "PEER_MODEL": str(model),
                "PEER_WORKERS": str(workers),
                "PEER_THREADS": str(threads),
                "PEER_WAIT_S": str(wait_s),
                "PYTHONPATH": str(_PEERS),
                "BENTOML_DO_NOT_TRACK": "true",
            }
            path = "/predict_files" if package == "bentoml" else "/predict"
            found[f"{package}, {set_up}"] = Server(command=(python, *command), variables=variables, file_path=path)
    return versions, found


@contextlib.contextmanager
def running(server: Server, port: int) -> Iterator[psutil.Process]:
    """Start a server, wait until it answers, and stop it with all of its processes."""
    command = [part.replace(_PORT, str(port)) for part in server.command]
    with tempfile.TemporaryFile() as errors:
        process = psutil.Popen(
            command, env=os.environ | server.variables, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
        try:
            _wait_for(process, port, errors)
            yield process
        finally:
            everyone = [process, *process.children(recursive=True)] if process.poll() is None else []
            for each in everyone:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.terminate()
            for each in psutil.wait_procs(everyone, timeout=10)[1]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()


def cpu_s(process: psutil.Process) -> float:
    """Return the seconds that a process and its children have computed."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def _wait_for(process: psutil.Popen, port: int, errors: Any) -> None:
    until = time.monotonic() + _STARTS_WITHIN_S
    while process.poll() is None and time.monotonic() < until:
        try:
            ask(port, [b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"], 1, 0.0)
        except ConnectionError:
            time.sleep(0.1)
        except RuntimeError:
            return  # it is there, and has no such address
        else:
            return
    errors.seek(0)
    sys.exit(f"{' '.join(map(str, process.args))} does not answer: {errors.read().decode()}")
