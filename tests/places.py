"""A place of its own for every session of deepchord that a test starts, and what all of them train."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest

from deepchord.shared.datasets.named import DEBIAN_FASHION
from deepchord.shared.files import read_idx
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from tests.gates import Gate
from tests.insides import inside
from tests.once import Once
from tests.strangers import STRANGERS_ENVIRONMENT, StrangersFolder
from tests.waiting import PATIENCE_S

NETWORK = """
layers = [
  { type = "max_pooling2d", pool_size = 4 },
  { type = "flatten" },
  { type = "dropout", rate = 0.1 },
  { type = "dense", units = "classes", activation = "softmax" },
]
"""
#: What tests train, by what `--network` says: they hold trainings where they want them, however long those take.
NETWORKS = {
    "tiny": NETWORK,
    "dense": 'layers = [{ type = "flatten" }, { type = "dense", units = "classes", activation = "softmax" }]\n',
}
RECIPE = """
preset = "quick"
dataset = "clothes.npz"
architecture = "network.toml"
members = 2
epochs = 2
batch_size = 32
learning_rate = 0.01
seed = 7
"""

#: The framework that is imported soonest; what is trained with each of the others is told in tests/contract.
QUICKEST_ENGINE = "jax"

Require = Callable[[str, object], None]


@dataclass
class Started:
    """A process that was started and tells what it prints while it runs."""

    process: "subprocess.Popen[str]"
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    _readers: list[threading.Thread] = field(default_factory=list)
    _said: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err)):
            self._readers.append(threading.Thread(target=self._read, args=(stream, lines), daemon=True))
            self._readers[-1].start()

    def _read(self, stream, lines: list[str]) -> None:
        with stream:
            for line in stream:
                with self._said:
                    lines.append(line.rstrip("\n"))
                    self._said.notify_all()
        with self._said:
            self._said.notify_all()

    def wait_for(self, text: str) -> str:
        """Wait until a line on stdout or stderr holds the text; return the line."""

        def found() -> list[str]:
            return [line for line in [*self.out, *self.err] if text in line]

        def over() -> bool:
            return not any(reader.is_alive() for reader in self._readers)

        with self._said:
            self._said.wait_for(lambda: found() or over(), PATIENCE_S)
        assert found(), f"{text!r} was not said, but:\n" + "\n".join([*self.out, *self.err])
        return found()[0]

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it as an out-of-memory killer does, and wait until it is gone."""
        self.process.kill()
        self.ended()

    def ended(self) -> int:
        """Wait until it has ended by itself; return its exit code."""
        code = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return code


@dataclass(frozen=True)
class Place:
    """A folder with the state, storage and cache of whatever runs there, apart from everything else."""

    folder: Path
    variables: dict[str, str]
    started: list[Started] = field(default_factory=list)

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    @property
    def store(self) -> RunStore:
        return RunStore.open(Settings(storage=str(self.storage)))

    @property
    def gate(self) -> Gate:
        """What holds the trainings of the workers that are started here."""
        return Gate(self.folder / "gate")

    def environment(self, **variables: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DEEPCHORD_")}
        return {
            **inherited,
            "HOME": str(self.folder),
            "COLUMNS": "120",
            "DEEPCHORD_STATE": str(self.folder / "state"),
            "DEEPCHORD_STORAGE": str(self.storage),
            "DEEPCHORD_CACHE": str(self.folder / "cache"),
            "DEEPCHORD_THREADS": "1",
            "DEEPCHORD_ENGINE": QUICKEST_ENGINE,
            "DEEPCHORD_FLOWER_PORT": "0",
            "DEEPCHORD_PREFLIGHT": "false",
            **self.variables,
            **variables,
        }

    def run(self, *arguments: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of deepchord to its end."""
        return subprocess.run(
            _deepchord(arguments),
            cwd=self.folder,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def start(
        self, *arguments: str | Path, command: Sequence[str] = (), folder: Path | None = None, **variables: str
    ) -> Started:
        """Start a command of deepchord, or another one, here or in another folder."""
        started = Started(
            subprocess.Popen(
                list(command) or _deepchord(arguments),
                cwd=folder or self.folder,
                env=self.environment(**variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        self.started.append(started)
        return started

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the command line of a command of deepchord."""
        return _deepchord(arguments)

    def processes(self) -> list[psutil.Process]:
        """Return all that runs on behalf of this place: known by its environment, or by files named in its command."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            of_ours = process.environ().get("DEEPCHORD_STATE") == str(self.folder / "state")
            return of_ours or any(str(self.folder / "state") in part for part in process.cmdline())
        except psutil.Error:
            return False

    def kill_all(self) -> None:
        """Kill whatever runs here."""
        processes = self.processes()
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(processes, timeout=10)
        for started in self.started:
            started.kill()

    def stop_all(self) -> list[psutil.Process]:
        """Kill what is left, and return it."""
        left = psutil.wait_procs(self.processes(), timeout=10)[1]
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=10)
        return left


def _deepchord(arguments: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-P", "-m", "deepchord", *map(str, arguments)]


@pytest.fixture(scope="session")
def network(pytestconfig: pytest.Config) -> str:
    """The network that tests train, as its file has it."""
    return NETWORKS[pytestconfig.getoption("network")]


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory, require: Require, network: str) -> Path:
    """A recipe for two small members on some of the real Fashion-MNIST, with its network and data beside it."""
    require("the Debian package dataset-fashion-mnist", DEBIAN_FASHION.is_dir())
    folder = tmp_path_factory.mktemp("recipe")
    parts = {
        "x_train": ("train-images-idx3-ubyte", 800),
        "y_train": ("train-labels-idx1-ubyte", 800),
        "x_test": ("t10k-images-idx3-ubyte", 300),
        "y_test": ("t10k-labels-idx1-ubyte", 300),
    }
    arrays = {name: read_idx(DEBIAN_FASHION / file)[:size] for name, (file, size) in parts.items()}
    np.savez(folder / "clothes.npz", **arrays)
    (folder / "network.toml").write_text(network)
    (folder / "recipe.toml").write_text(RECIPE)
    return folder / "recipe.toml"


@pytest.fixture(scope="session")
def new_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Place]]:
    """Make places; whatever is left running there at the very end is killed."""
    places = []
    fonts = str(tmp_path_factory.mktemp("matplotlib"))

    def make(**variables: str) -> Place:
        folder = tmp_path_factory.mktemp(f"place-{secrets.token_hex(2)}")
        gate = Gate(folder / "gate").variables()
        places.append(Place(folder, {"MPLCONFIGDIR": fonts, **inside("gate"), **gate, **variables}))
        return places[-1]

    yield make
    for place in places:
        place.stop_all()


@pytest.fixture
def place(new_place: Callable[..., Place]) -> Place:
    """A place for one test."""
    return new_place()


@dataclass(frozen=True)
class LocalRun:
    """A run that was trained on this machine, and what the command said."""

    place: Place
    run_id: str
    results: Path
    command: "subprocess.CompletedProcess[str]"
    #: The processes that were left running, as text.
    left: list[str]
    #: The folder that it was started in, full of other people's modules and configurations.
    around: StrangersFolder


@pytest.fixture(scope="session")
def local_run(new_place: Callable[..., Place], recipe: Path, once: Once[LocalRun]) -> LocalRun:
    """`deepchord train --local` from the recipe to the report: trained once, looked at by many tests."""
    return once("local_run", lambda: _run_locally(new_place(DEEPCHORD_ENGINE="tensorflow"), recipe))


def _run_locally(place: Place, recipe: Path) -> LocalRun:
    around = StrangersFolder(place.folder)
    command = place.run("train", "--local", recipe, "--out", "results", **STRANGERS_ENVIRONMENT)
    left = [str(process) for process in psutil.wait_procs(place.processes(), timeout=10)[1]]
    (folder,) = (place.storage / "runs").iterdir()
    return LocalRun(place, folder.name, place.folder / "results", command, left, around)
