"""What becomes of broker and workers of a program that is killed."""

import sys

import psutil
import pytest

from deepchord.interpreter_end import clean_up_after_this_process
from deepchord.shared.settings import Settings
from tests.waiting import wait_until

_PROGRAM = """
import numpy as np
import deepchord

images = np.random.default_rng(0).integers(0, 256, (120, 6, 6), dtype=np.uint8)
layers = [{"type": "flatten"}, {"type": "dense", "units": "classes", "activation": "softmax"}]
deepchord.train(images, np.arange(120) % 3, layers=layers, members=2, workers=1).wait()
"""


@pytest.mark.slow
def test_a_program_that_is_killed_leaves_nothing_running(place):
    place.gate.hold(after=1)
    program = place.start(command=[sys.executable, "-P", "-c", _PROGRAM])
    place.gate.wait_for(1)

    program.kill()

    wait_until(lambda: not place.processes(), "broker and workers to end")
    (run_id,) = place.store.run_ids()
    assert not place.store.evaluation(place.store.run(run_id)).has_ended()


def test_where_a_fleet_trains_nothing_waits_for_the_end_of_the_program(tmp_path):
    before = psutil.Process().children()

    clean_up_after_this_process(Settings(broker="redis://127.0.0.1:1/0", state=tmp_path))

    assert psutil.Process().children() == before
