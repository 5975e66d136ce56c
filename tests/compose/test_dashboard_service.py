"""The service `dashboard` of docker-compose.yml without a container: its command, its variables, its health check."""

import re
import shlex
import subprocess
import sys

import pytest

from tests.compose.test_serve_service import section
from tests.coordinator.dashboard.conftest import TOKEN, dashboard
from tests.coordinator.dashboard.example_runs import REAL, STORED


def command(**variables: str) -> list[str]:
    """Return the service's command, with variables put in as Compose does."""
    (text,) = re.findall(r'^    command: "(.*)"$', section("dashboard"), re.MULTILINE)
    return shlex.split(re.sub(r"\$\{(\w+):-(\w*)\}", lambda found: variables.get(found[1]) or found[2], text))


@pytest.mark.slow
def test_its_command_shows_the_storage_to_who_has_the_token_lets_nobody_act_and_is_well():
    (program,) = re.findall(r"^        - (import .*)$", section("dashboard"), re.MULTILINE)

    shown, *arguments = command()
    with dashboard(STORED, *arguments, DEEPCHORD_DASHBOARD_TOKEN=TOKEN) as server:
        here = program.replace("127.0.0.1:8090", f"127.0.0.1:{server.port}")
        well = subprocess.run([sys.executable, "-c", here], check=False)
        refused = server.request("GET", "/events")[0]
        with server.events(authorization=f"Bearer {TOKEN}") as events:
            told = events.next("runs")[1]
        acted = server.act(f"/runs/{REAL}/cancel")[0]

    assert (shown, here != program) == ("dashboard", True)
    assert (well.returncode, refused, acted) == (0, 401, 403)
    assert REAL in {run["run_id"] for run in told["runs"]}


def test_viewers_may_act_if_its_variables_say_so():
    assert command(DEEPCHORD_DASHBOARD="--actions") == ["dashboard", "--host", "0.0.0.0", "--actions"]
