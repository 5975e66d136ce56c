"""What a worker process holds: one client of the broker, whoever uses it."""

import os
import subprocess
import sys

import pytest

from deepchord.shared.broker import Holder
from deepchord.shared.settings import load_settings
from deepchord.worker.resources import Resources

#: Says which connection the broker sees of a process, of its forked child, and of the process again.
FORKING = """
import os
from deepchord.shared.settings import load_settings
from deepchord.worker.resources import Resources

broker = Resources(load_settings()).broker
print(broker.client_id(), flush=True)
child = os.fork()
print(broker.client_id(), flush=True)
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
print(broker.client_id(), flush=True)
"""


def connections(resources: Resources) -> int:
    """How many connections to the broker there are, but for those of others: the database is the test's own."""
    return len(resources.broker.client_list(_type="normal"))


def test_boards_and_leases_of_a_process_share_one_connection(resources: Resources):
    before = connections(resources)
    holder = Holder(worker="me", process_id=1, token="one")

    assert resources.leases.hold("deepchord:lease:run:0", holder, 10) is None
    assert resources.board.troubles("run") == {}
    assert resources.workers.statuses() == []

    assert connections(resources) == before


def test_nothing_is_asked_of_the_broker_before_it_is_needed(free_port: int):
    away = Resources(load_settings(broker=f"redis://127.0.0.1:{free_port}/0"))

    assert (away.board, away.leases, away.workers) == (away.board, away.leases, away.workers)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_a_connection_of_its_own(broker_url: str):
    environment = {**os.environ, "DEEPCHORD_BROKER": broker_url}

    ended = subprocess.run(
        [sys.executable, "-c", FORKING], env=environment, capture_output=True, text=True, check=True, timeout=60
    )

    ids = [int(line) for line in ended.stdout.splitlines()]
    assert len(ids) == 4
    assert len(set(ids)) == 2
    assert ids[0] == ids[-1]
