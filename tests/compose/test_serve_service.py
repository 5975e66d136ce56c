"""The service `serve` of docker-compose.yml without a container: its command, its variables, its health check."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ensemble.serving.conftest import TOKEN, serving
from tests.environments import ROOT

_STORED = ROOT / "tests" / "data" / "stored_runs" / "storage"
_RUN = "20261129-005357-bfcd"


def section(name: str) -> str:
    """Return the lines of a service, or of another section two spaces deep."""
    found = re.search(rf"^  {name}:\n((?:    .*\n)+)", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def command(**variables: str) -> list[str]:
    """Return the service's command, with variables put in as Compose does."""
    (text,) = re.findall(r'^    command: "(.*)"$', section("serve"), re.MULTILINE)
    return shlex.split(re.sub(r"\$\{(\w+):-(\w*)\}", lambda found: variables.get(found[1]) or found[2], text))


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    return Path(shutil.copytree(_STORED, tmp_path / "storage"))


def files(folder: Path) -> set[tuple[Path, int]]:
    return {(path, path.stat().st_mtime_ns) for path in folder.rglob("*")}


@pytest.mark.slow
def test_its_command_serves_the_last_ensemble_writes_nothing_and_is_well(storage):
    before = files(storage)
    (program,) = re.findall(r"^        - (import .*)$", section("serve"), re.MULTILINE)

    serve, *arguments = command()
    with serving(*arguments, DEEPCHORD_STORAGE=str(storage), DEEPCHORD_SERVE_TOKEN=TOKEN) as server:
        here = program.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
        well = subprocess.run([sys.executable, "-c", here], check=False)
        refused, _, _ = server.request("GET", "/models")
        status, answer, _ = server.request("GET", "/models", authorization=f"Bearer {TOKEN}")

    assert serve == "serve"
    assert here != program
    assert (well.returncode, refused, status) == (0, 401, 200)
    assert [model["run_id"] for model in answer["models"]] == [_RUN]
    assert files(storage) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "token", "sentence"),
    [("empty", TOKEN, "There are no runs in "), ("storage", "", "set DEEPCHORD_SERVE_TOKEN to a secret")],
    ids=["no run", "no token"],
)
def test_without_a_run_or_a_token_it_says_so_and_ends(storage, folder, token, sentence):
    variables = {"DEEPCHORD_STORAGE": str(storage.with_name(folder)), "DEEPCHORD_SERVE_TOKEN": token}

    with pytest.raises(AssertionError, match=sentence), serving(*command()[1:], **variables):
        pass


def test_what_it_serves_can_be_chosen():
    chosen = command(DEEPCHORD_SERVE=f"clothes={_RUN} --abstain 1%")

    assert chosen == ["serve", "--host", "0.0.0.0", f"clothes={_RUN}", "--abstain", "1%"]


def test_it_knows_nothing_of_the_broker_and_may_only_read_the_storage():
    text, service = (ROOT / "docker-compose.yml").read_text(), section("serve")
    of_storage = text.partition("x-storage: &storage\n")[2].partition("\n\n")[0]

    own = service.partition("    environment:\n")[2].partition("    volumes:\n")[0]

    assert own.splitlines() == ["      <<: *storage", '      DEEPCHORD_SERVE_TOKEN: "${DEEPCHORD_SERVE_TOKEN:-}"']
    assert re.findall(r"^  (\w+):", of_storage, re.MULTILINE) == [
        "DEEPCHORD_STORAGE",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ]
    assert "    volumes:\n      - storage:/storage:ro\n    depends_on: []\n" in service


def test_nothing_is_published_beyond_loopback():
    published = re.findall(r"^    ports:\n      - \"(.*)\"$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)

    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)
