"""Runs that no worker can train, on two of them: they end with the reason, and go on when that is put right."""

import numpy as np

from tests.faults.fleet import Fleet

AT_FAULT = "the recipe or the data is at fault, for it failed in the same way on two workers before any epoch was done"
#: Each pause after one is twice as long, but for chance; so many there are only if workers wait for each other in step.
MAX_DEFERRALS = 12


def ended_at_once(fleet: Fleet, members: int) -> str:
    """Wait until the run that was just submitted has failed after few attempts; return the last words."""
    before = [len(worker.err) for worker in fleet.workers]
    watching = fleet.watch()
    assert watching.ended() == 3, "\n".join([*watching.out, *watching.err])

    store = fleet.store
    every = [attempt for attempts in store.attempts_by_member(fleet.run_id).values() for attempt in attempts]
    workers = {attempt.failure.worker for attempt in every if attempt.failure is not None}
    assert len(workers) == 2
    assert len(every) <= 2 * members
    assert store.recorded_members(fleet.run_id) == []
    logs = [line for worker, seen in zip(fleet.workers, before, strict=True) for line in worker.err[seen:]]
    assert sum("is left to other workers" in line for line in logs) <= MAX_DEFERRALS
    return watching.err[-1]


def test_a_damaged_data_set_and_a_recipe_that_diverges_end_their_runs_and_the_first_goes_on_when_it_is_put_right(
    fleet: Fleet,
):
    with np.load(fleet.recipe.parent / "clothes.npz") as data:
        arrays = {name: data[name][:100] for name in data.files}
    blinding = {name: arrays[name].astype(np.float32) * np.float32(1e36) for name in ("x_train", "x_test")}
    np.savez(fleet.place.folder / "blinding.npz", **arrays | blinding)
    np.savez(fleet.place.folder / "few.npz", **arrays)
    fast = ("--dataset", "few.npz", "--epochs", "2", "--batch-size", "32")

    fleet.submit("--members", "4", *fast)
    damaged = fleet.run_id
    (stored,) = (fleet.place.storage / "datasets").iterdir()
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    for _ in range(2):
        fleet.start_worker()
    said = ended_at_once(fleet, 4)
    assert said.startswith(f"error: Run {damaged} failed: {AT_FAULT}: CorruptObjectError: ")
    assert said.endswith(
        "Remove it: the next `deepchord train` (or, of a study's images, `deepchord evaluate`) with the same data "
        "publishes it anew, then `deepchord resume` goes on."
    )

    fleet.submit("--members", "4", "--dataset", "blinding.npz")
    said = ended_at_once(fleet, 4)
    assert said.startswith(f"error: Run {fleet.run_id} failed: {AT_FAULT}: DivergedError: The training loss became ")

    fleet.submit("--members", "1", *fast)
    fleet.run_id = damaged
    resumed = fleet.place.run("resume", damaged, "--detach")
    assert resumed.returncode == 0, resumed.stderr
    fleet.evaluated(fleet.watch())
