import time

from deepchord.shared.process import run_function
from deepchord.worker.execution.guarding.watchdog import STALLED, StallWatchdog


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def watched(clock: Clock) -> tuple[StallWatchdog, list[str], list[int]]:
    said: list[str] = []
    ended: list[int] = []
    return StallWatchdog(10.0, said.append, clock, ended.append), said, ended


def test_a_process_that_goes_on_is_left_alone():
    clock = Clock()
    watchdog, said, ended = watched(clock)

    for _ in range(5):
        clock.now += 9.0
        watchdog.check()
        watchdog.advance()

    assert (said, ended) == ([], [])


def test_a_process_that_stands_still_is_ended_and_it_is_said_why():
    clock = Clock()
    watchdog, said, ended = watched(clock)

    clock.now = 10.5
    watchdog.check()

    assert ended == [STALLED]
    assert said == [
        "nothing was computed for 10 s: the device has stopped, or the storage hangs; "
        "the process was ended (DEEPCHORD_STALL_TIMEOUT_S)"
    ]


def test_it_is_ended_even_if_nobody_can_be_told():
    clock, ended = Clock(), []

    def fail(why: str) -> None:
        raise ConnectionError(why)

    watchdog = StallWatchdog(10.0, fail, clock, ended.append)
    clock.now = 11.0
    watchdog.check()

    assert ended == [STALLED]


def hang() -> None:
    with StallWatchdog(0.5, print):
        time.sleep(300)


def test_a_real_process_that_hangs_ends():
    ended = run_function(hang, environment=None, within_s=60.0)

    assert ended.code == STALLED
    assert "nothing was computed" in ended.errors
