"""Kills at random moments, seed after seed: `make chaos` tries many, `make test` one."""

import random
import signal

import psutil
import pytest

from tests.faults.fleet import EPOCHS, Fleet, kill_tree
from tests.waiting import wait_until


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("seed", range(metafunc.config.getoption("chaos")))


def somebody_trains(fleet: Fleet) -> bool:
    """Say whether the process of the last attempt lives."""
    try:
        return fleet.training_process().status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_training_process(fleet: Fleet) -> None:
    """SIGKILL the process that trains; its worker lives."""
    fleet.training_process().kill()


def kill_worker(fleet: Fleet) -> None:
    """SIGKILL the worker with all its processes; another one is started."""
    kill_tree(fleet.worker_of(fleet.training_process()))
    fleet.start_worker()


def kill_parent_only(fleet: Fleet) -> None:
    """SIGKILL the worker but not the process that trains; another one is started."""
    fleet.worker_of(fleet.training_process()).kill()
    fleet.start_worker()


def restart_broker(fleet: Fleet) -> None:
    """SIGKILL the broker; it comes back with what it had written."""
    fleet.broker.kill()
    fleet.broker.start()


def forget_everything(fleet: Fleet) -> None:
    """Let the broker lose its memory."""
    fleet.broker.client.flushall()


def hand_over(fleet: Fleet) -> None:
    """SIGTERM the worker; another one is started."""
    fleet.worker_of(fleet.training_process()).process.send_signal(signal.SIGTERM)
    fleet.start_worker()


FAULTS = (kill_training_process, kill_worker, kill_parent_only, restart_broker, forget_everything, hand_over)


def test_whatever_is_killed_whenever_the_same_weights_come_out(fleet, uninterrupted, seed):
    generator = random.Random(seed)
    fleet.start_worker()
    fleet.submit(held_after=0)
    watching = fleet.watch()
    done, saved = [], {}
    for epoch in sorted(generator.sample(range(1, EPOCHS - 1), 3)):
        # The fault strikes while the member waits there, or on its way to a place further on, but before its end.
        fleet.gate.hold(after=generator.randint(epoch, EPOCHS - 1))
        wait_until(lambda epoch=epoch: fleet.saved() >= epoch and somebody_trains(fleet), f"epoch {epoch}")
        fault = generator.choice(FAULTS)
        saved[fleet.attempts()[-1].number] = fleet.saved()
        done.append(f"{fault.__name__} after epoch {fleet.saved()}")
        try:
            fault(fleet)
        except (psutil.NoSuchProcess, StopIteration):
            done[-1] += " missed: nobody was training"
    fleet.gate.open()

    fleet.evaluated(watching)
    member = fleet.member()
    assert member.weights_sha256 == uninterrupted.weights_sha256, done
    by_attempt = fleet.epochs_by_attempt() or [(member.attempt, EPOCHS)]
    for attempt, epoch in saved.items():
        kept = sum(epochs for number, epochs in by_attempt if number <= attempt)
        assert kept >= epoch, f"{done}: attempt {attempt} had saved epoch {epoch}, but it was trained again"
