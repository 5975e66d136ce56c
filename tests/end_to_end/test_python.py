"""A Python program trains, waits, asks and ends; whatever happens to it, nothing of it is left running."""

import json
import signal
import sys

import psutil
import pytest

_TRAIN = """
import json
import numpy as np
import deepchord

generator = np.random.default_rng(0)
labels = generator.integers(0, 3, 300)
images = generator.integers(0, 150, (300, 6, 6)).astype(np.uint8)
images[labels == 1, :, :3] += 90
images[labels == 2, :, 3:] += 90
layers = [{"type": "flatten"}, {"type": "dense", "units": "classes", "activation": "softmax"}]
options = dict(layers=layers, learning_rate=0.02, epochs=3, batch_size=16, seed=5, workers=1, calibration_fraction=0.2)
names = np.array(["dark", "left", "right"])[labels]
run = deepchord.train(images, names, members=2, **options)
"""
_TO_THE_END = """
run.wait()
first = run.evaluation.trained
run.extend(3).watch()
found = run.ensemble.predict(images, members=True)
page = run.report("report")
print(json.dumps({
    "run": run.run_id,
    "trained": [first, run.evaluation.trained],
    "right": float((np.array(found.names()) == names).mean()),
    "members": found.members.shape[0],
    "frame": page._repr_html_()[:15],
    "state": run.status.state,
}))
"""
_HALF = """
import sys
import time
while run.status.state == "waiting":
    time.sleep(0.1)
print("it trains", flush=True)
if sys.argv[1] == "wait":
    run.wait()
if sys.argv[1] == "fail":
    raise ValueError("a mistake")
"""


def test_a_program_trains_extends_and_asks(place):
    program = place.start(command=[sys.executable, "-P", "-c", _TRAIN + _TO_THE_END])

    assert program.ended() == 0, program.err
    found = json.loads(program.out[-1])
    assert found["trained"] == [2, 3]
    assert found["members"] == 3
    assert found["right"] > 0.6
    assert found["frame"] == "<iframe srcdoc="
    assert found["state"] == "evaluated"
    assert (place.folder / "report" / "index.html").exists()
    assert any("ensemble so far" in line for line in program.out)
    assert place.processes() == []


@pytest.mark.parametrize(("way", "code"), [("end", 0), ("fail", 1), ("wait", -signal.SIGINT)])
def test_a_program_that_ends_before_its_run_stops_its_workers(place, way, code):
    place.gate.hold(after=1)
    program = place.start(command=[sys.executable, "-P", "-c", _TRAIN + _HALF, way])
    program.wait_for("it trains")
    if way == "wait":
        program.interrupt()

    assert program.ended() == code, program.err
    assert psutil.wait_procs(place.processes(), timeout=10)[1] == []
    (run_id,) = place.store.run_ids()
    assert not place.store.evaluation(place.store.run(run_id)).has_ended()
