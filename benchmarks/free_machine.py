"""How soon a worker gives its machine back when others load it, and whether anything is trained twice for that.

    python -m benchmarks.free_machine [--tries 100] [--limit-s 2] [--json FILE]

A real worker with `--when-idle` trains a member of a real run. At a random moment another program begins to keep a core
busy; the machine is given back when the attempt is noted as handed over, and when no process of the worker is left.
Then the program ends, and the worker goes on by itself. Nothing is trained twice if each epoch that was saved is one of
the next attempt's past. It needs a machine on which nothing else runs.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.faults import write_recipe
from benchmarks.machine import describe
from deepchord.worker.training import decode_training
from tests.faults.fleet import Broker, Fleet
from tests.places import Place
from tests.waiting import wait_until

#: More than all tries can train.
_EPOCHS = 100_000
_LOAD = (sys.executable, "-S", "-c", "while True: pass")
#: How long others must leave the machine alone, and how many cores they may keep busy all the same.
_IDLE_S, _LOAD_LIMIT = 2.0, 0.5


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        fleet, stop = _fleet(Path(folder))
        try:
            result = _summary(_measure(fleet, arguments.tries), arguments.limit_s)
        finally:
            stop()
    result = {"machine": describe("keras", "jax", "celery"), "idle_s": _IDLE_S, "load_limit": _LOAD_LIMIT, **result}
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _fleet(folder: Path) -> tuple[Fleet, Callable[[], None]]:
    """Return a fleet with a submitted run and its function to stop everything."""
    (folder / "broker").mkdir(parents=True)
    recipe = write_recipe(folder, epochs=_EPOCHS)
    broker = Broker(folder / "broker")
    broker.start()
    place = Place(folder, {"DEEPCHORD_BROKER": broker.url})
    fleet = Fleet(place, broker, recipe, place.store)

    def stop() -> None:
        place.kill_all()
        broker.kill()

    try:
        fleet.submit()
    except BaseException:
        stop()
        raise
    return fleet, stop


def _measure(fleet: Fleet, tries: int) -> dict[str, Any]:
    """Load the machine so many times; return what was found."""
    worker = fleet.place.start(
        *("worker", "--name", "free@here", "--threads", "1", "--when-idle"),
        DEEPCHORD_IDLE_S=str(_IDLE_S),
        DEEPCHORD_LOAD_LIMIT=str(_LOAD_LIMIT),
    )
    fleet.workers.append(worker)
    process, moments = psutil.Process(worker.process.pid), random.Random(0)  # noqa: S311  no secret
    handed_over_s, ended_s = [], []
    saved: dict[int, int] = {0: 0}
    for number in range(1, tries + 1):
        _wait_for_training(fleet, *max(saved.items()))
        time.sleep(moments.uniform(0.0, 1.0))
        began = time.monotonic()
        with subprocess.Popen(_LOAD) as load:
            try:
                wait_until(lambda: fleet.attempts()[-1].handed_over, "the hand-over")
                handed_over_s.append(time.monotonic() - began)
                wait_until(lambda: not process.children(), "the end of the worker's processes")
                ended_s.append(time.monotonic() - began)
            finally:
                load.kill()
        saved[len(fleet.attempts())] = fleet.saved()
        print(f"try {number}: handed over after {handed_over_s[-1]:.2f} s, gone after {ended_s[-1]:.2f} s", flush=True)
    _wait_for_training(fleet, *max(saved.items()))
    return {
        "handed_over_s": handed_over_s,
        "ended_s": ended_s,
        "attempts": max(saved),
        "epochs": [(epochs, _trained_by(fleet, attempt)) for attempt, epochs in saved.items() if attempt],
    }


def _wait_for_training(fleet: Fleet, attempts: int, saved: int) -> None:
    """Wait until a later attempt than so many has saved an epoch beyond those that were saved."""
    wait_until(lambda: len(fleet.attempts()) > attempts and fleet.saved() > saved, f"an attempt after {attempts}")


def _trained_by(fleet: Fleet, attempt: int) -> int:
    """Return how many epochs this attempt and those before it have trained, as the newest state tells."""
    latest = max((saved for each in fleet.attempts() for saved in each.saved), key=lambda saved: saved.epoch)
    data = fleet.store.member(fleet.run_id, 0).saved_epoch(latest)
    parts = decode_training(data, fleet.run.dataset.network(fleet.run.architecture), "the newest state").parts
    return sum(part.epochs for part in parts if part.attempt <= attempt)


def _summary(found: dict[str, Any], limit_s: float) -> dict[str, Any]:
    def spread(values: list[float]) -> dict[str, float]:
        return {"median": statistics.median(values), "worst": max(values)}

    return {
        "tries": len(found["handed_over_s"]),
        "limit_s": limit_s,
        "handed_over_in_time": sum(seconds <= limit_s for seconds in found["handed_over_s"]),
        "seconds_to_hand_over": spread(found["handed_over_s"]),
        "seconds_to_end_of_processes": spread(found["ended_s"]),
        "hand_overs_without_a_reason": found["attempts"] - len(found["handed_over_s"]),
        "saved_epochs": found["epochs"][-1][0],
        "saved_epochs_trained_twice": sum(max(0, saved - trained) for saved, trained in found["epochs"]),
    }


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--limit-s", type=float, default=2.0, help="within which the machine is to be given back")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
