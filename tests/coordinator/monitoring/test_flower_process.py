import base64
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from deepchord.coordinator.monitoring import flower_process, running_flower
from deepchord.coordinator.monitoring.flower_process import FlowerProcess
from deepchord.shared.errors import BrokerError, DeepchordError, InputError
from deepchord.shared.queue import EVALUATE_ENSEMBLE, create_app
from deepchord.shared.settings import Settings, load_settings
from tests.strangers import STRANGERS_ENVIRONMENT, StrangersFolder

pytestmark = pytest.mark.slow

PREFIX = "tools/flower"
OPENER = """
import sys
from deepchord.coordinator.monitoring import running_flower
from deepchord.shared.settings import load_settings
with running_flower(load_settings()) as flower:
    print(flower.process.pid, flush=True)
    sys.stdin.read()
"""


def settings_for(broker: str, folder: Path) -> Settings:
    return load_settings(broker=broker, flower_port=0, storage=str(folder), state=folder, cache=folder)


@pytest.fixture
def settings(broker_url: str, tmp_path: Path, require: Callable[[str, object], None]) -> Settings:
    require("Flower", find_spec("flower"))
    return settings_for(broker_url, tmp_path)


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> StrangersFolder:
    """A folder full of other people's modules, where Flower finds a configuration as well."""
    return StrangersFolder(tmp_path_factory.mktemp("strangers"))


@pytest.fixture(scope="module")
def flower(
    around: StrangersFolder,
    broker_server: str,
    tmp_path_factory: pytest.TempPathFactory,
    require: Callable[[str, object], None],
) -> Iterator[FlowerProcess]:
    """A Flower behind a prefix, started in strange surroundings, that several tests look at."""
    require("Flower", find_spec("flower"))
    settings = settings_for(f"{broker_server}/8", tmp_path_factory.mktemp("flower"))
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as elsewhere:
            elsewhere.chdir(around.folder)
            for name, value in STRANGERS_ENVIRONMENT.items():
                elsewhere.setenv(name, value)
            process = stack.enter_context(running_flower(settings.model_copy(update={"flower_prefix": PREFIX})))
        yield process


def parts(flower: FlowerProcess) -> tuple[str, str, str]:
    return re.fullmatch(r"(http://\S+?)/? \(user (\S+), password (\S+)\)", flower.address).groups()


def status(url: str, user: str = "", password: str = "", method: str = "GET") -> int:
    return fetch(url, user, password, method)[0]


def fetch(url: str, user: str, password: str, method: str = "GET") -> tuple[int, str]:
    request = urllib.request.Request(url, method=method)
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def is_gone(pid: int) -> bool:
    try:
        return psutil.wait_procs([psutil.Process(pid)], timeout=20)[1] == []
    except psutil.NoSuchProcess:
        return True


def test_it_answers_whoever_knows_its_password_and_nobody_else(flower):
    url, user, password = parts(flower)

    assert [status(url + path, user, password) for path in ("/", "/api/tasks", "/workers")] == [200, 200, 200]
    assert [status(url + path) for path in ("/", "/api/tasks", "/workers", "/broker")] == [401] * 4
    assert status(f"{url}/", user, password + "x") == 401


def test_it_listens_on_loopback_only(flower):
    port = int(parts(flower)[0].rpartition(":")[2].partition("/")[0])

    listening = [c.laddr for c in psutil.Process(flower.process.pid).net_connections("inet") if c.status == "LISTEN"]

    assert listening == [("127.0.0.1", port)]


def test_its_page_is_below_the_prefix_and_nowhere_else(flower):
    url, user, password = parts(flower)

    assert flower.address.startswith(f"{url}/ (")
    assert url.endswith(f"/{PREFIX}")
    assert status(f"{url}/", user, password) == 200
    assert status(url.removesuffix(PREFIX), user, password) == 404


def test_neither_a_file_of_the_folder_that_it_is_started_in_nor_the_environment_has_a_say(flower, around):
    url, _, _ = parts(flower)

    assert status(f"{url}/", "admin", "admin") == 401
    assert around.imported() == []
    assert not (around.folder / STRANGERS_ENVIRONMENT["FLOWER_UNIX_SOCKET"]).exists()


def test_the_queues_are_to_be_seen_with_how_much_is_in_them(flower, broker_server):
    url, user, password = parts(flower)
    with create_app(load_settings(broker=f"{broker_server}/8")) as app:
        for run in ("run-a", "run-b"):
            app.send_task(EVALUATE_ENSEMBLE, args=[run])

    code, page = fetch(f"{url}/broker", user, password)

    assert code == 200
    assert re.search(r"<td>deepchord</td>\s*<td[^>]*>2</td>", page)


def test_it_changes_nothing(flower):
    url, user, password = parts(flower)

    assert status(f"{url}/api/worker/shutdown/somebody", user, password, "POST") in (401, 403, 405)


def test_neither_its_password_nor_that_of_the_broker_stands_in_a_command_line(flower, broker_server):
    command = " ".join(psutil.Process(flower.process.pid).cmdline())

    assert parts(flower)[2] not in command
    assert broker_server not in command


def test_it_ends_with_the_block_also_when_that_fails_and_has_another_password_each_time(settings, flower):
    seen = []

    def block() -> None:
        with running_flower(settings) as another:
            seen.append(another)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        block()

    assert is_gone(seen[0].process.pid)
    assert parts(seen[0])[2] != parts(flower)[2]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_when_whoever_started_it_is_killed(settings, number):
    environment = {**os.environ, **settings.environment()}
    with subprocess.Popen(
        [sys.executable, "-P", "-c", OPENER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as opener:
        pid = int(opener.stdout.readline())
        opener.send_signal(number)
        opener.wait(60)

    assert is_gone(pid)


def test_a_port_that_is_taken_is_named(settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        taken = settings.model_copy(update={"flower_port": port})

        with pytest.raises(InputError, match=f"Flower's port {port} is taken"), running_flower(taken):
            pass


def test_a_broker_that_does_not_answer_is_named(settings, free_port):
    away = settings.model_copy(update={"broker": f"redis://:geheim@127.0.0.1:{free_port}/0"})

    with pytest.raises(BrokerError, match=f"127.0.0.1:{free_port}/0 does not answer"), running_flower(away):
        pass


def test_a_flower_that_cannot_start_says_its_last_words(settings):
    environment = {**settings.environment(), "DEEPCHORD_BROKER": "amqp://nowhere"}

    with (
        pytest.raises(InputError, match=r"Flower ended with exit code 1: .*amqp://"),
        running_flower(settings, environment),
    ):
        pass


def test_a_flower_that_ends_by_itself_is_no_success(settings):
    with running_flower(settings) as process:
        process.process.kill()

        with pytest.raises(DeepchordError, match=r"Flower ended with exit code -9: "):
            process.wait()


def test_without_flower_it_says_how_to_get_it(settings, monkeypatch):
    monkeypatch.setattr(flower_process, "find_spec", lambda _name: None)

    with pytest.raises(InputError, match=r"pip install '\.\[flower\]'"), running_flower(settings):
        pass
