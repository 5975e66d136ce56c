"""A run that is watched in a real kernel of Jupyter."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from tests.waiting import PATIENCE_S, wait_until

_TRAIN = """
import numpy as np
import deepchord

images = np.random.default_rng(0).integers(0, 256, (120, 6, 6), dtype=np.uint8)
layers = [{"type": "flatten"}, {"type": "dense", "units": "classes", "activation": "softmax"}]
run = deepchord.train(images, np.arange(120) % 3, layers=layers, members=2, epochs=2, workers=1, seed=3)
"""

Message = dict[str, Any]


class Kernel:
    """A kernel with the environment of a place, and what its cells put out."""

    def __init__(self, place, folder: Path) -> None:
        self.manager = KernelManager(transport="ipc", connection_file=str(folder / "kernel.json"))
        self._place = place
        self.manager.start_kernel(env=place.environment(), cwd=str(place.folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(PATIENCE_S)

    def run(self, cell: str, hear: Callable[[Message], None] = lambda _: None) -> list[Message]:
        """Run a cell; return all that it put out, each of which `hear` is told at once."""
        messages: list[Message] = []

        def note(message: Message) -> None:
            if message["msg_type"] not in ("status", "execute_input"):
                messages.append(message)
                hear(message)

        self.client.execute_interactive(cell, output_hook=note, allow_stdin=False, timeout=PATIENCE_S)
        return messages

    def strangers(self) -> list[str]:
        """Return the processes of the place except this kernel."""
        own = self.manager.provisioner.pid
        return [str(process) for process in self._place.processes() if process.pid != own]

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(place):
    with tempfile.TemporaryDirectory() as folder:  # a socket's path has to be short
        started = Kernel(place, Path(folder))
        yield started
        started.stop()


def types(messages: list[Message]) -> list[str]:
    return [message["msg_type"] for message in messages]


@pytest.mark.slow
def test_a_notebook_shows_one_view_that_is_replaced_and_nothing_that_workers_print(kernel, place):
    place.gate.hold(after=1)
    assert kernel.run(_TRAIN) == []

    messages = kernel.run("run.watch();", lambda message: place.gate.open())

    assert types(messages) == ["display_data", *["update_display_data"] * (len(messages) - 1)]
    assert len({message["content"]["transient"]["display_id"] for message in messages}) == 1
    first, last = (message["content"]["data"] for message in (messages[0], messages[-1]))
    assert "0 of 2 trained" in first["text/plain"]
    assert "2 of 2 trained · evaluated" in last["text/plain"]
    assert "\x1b" not in last["text/plain"]
    assert last["text/html"].startswith('<pre style="white-space: pre;')
    assert "2 of 2 trained · evaluated" in last["text/html"]


#: What is seen of a run is a moment old.
_STATE = """
import time

while run.status.state == "waiting":
    time.sleep(0.1)
print(run.status.state)
"""


@pytest.mark.slow
def test_an_interrupted_cell_ends_the_view_and_a_restart_of_the_kernel_ends_the_workers(kernel, place):
    place.gate.hold(after=1)
    kernel.run(_TRAIN)

    def interrupt(message: Message) -> None:
        if message["msg_type"] == "display_data":
            kernel.manager.interrupt_kernel()

    messages = kernel.run("run.watch()", interrupt)

    assert messages[-1]["content"]["ename"] == "ViewInterrupt"
    assert messages[-1]["content"]["traceback"] == [
        "The view has ended, and the run goes on: watch() shows it again, cancel() stops it."
    ]
    place.gate.wait_for(1)
    (state,) = kernel.run(_STATE)
    assert state["content"]["text"] == "training\n"

    kernel.manager.restart_kernel()

    wait_until(lambda: not kernel.strangers(), "broker and workers to end")
    (run_id,) = place.store.run_ids()
    assert not place.store.evaluation(place.store.run(run_id)).has_ended()
