import signal
import subprocess
import sys
import threading

import pytest

from deepchord.shared.process import interrupts_deferred, terminations_as_interrupts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on Linux and macOS")


def test_an_interrupt_waits_until_the_block_is_done():
    reached = []

    def block() -> None:
        with interrupts_deferred() as interruption:
            signal.raise_signal(signal.SIGINT)
            reached.append(interruption.arrived)

    with pytest.raises(KeyboardInterrupt):
        block()

    assert reached == [True]


def test_without_an_interrupt_the_handlers_are_as_before():
    before = signal.getsignal(signal.SIGINT)
    with interrupts_deferred() as interruption:
        assert signal.getsignal(signal.SIGINT) != before

    assert not interruption.arrived
    assert signal.getsignal(signal.SIGINT) == before


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts_deferred() as interruption:
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    assert not interruption.arrived


def test_a_child_started_in_the_block_can_be_interrupted():
    with interrupts_deferred(), subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]) as process:
        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=60) != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_termination_interrupts(number):
    with pytest.raises(KeyboardInterrupt), terminations_as_interrupts():
        signal.raise_signal(number)

    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_termination_that_has_a_handler_keeps_it():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with terminations_as_interrupts():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_leaves_the_handlers_alone():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def look() -> None:
        with interrupts_deferred(), terminations_as_interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert seen == [before]
