from dataclasses import replace
from datetime import time

from deepchord.worker.availability import Availability, Observation, Terms, Wait, Work
from deepchord.worker.availability.availability import LOOK_EVERY_S


def test_the_machine_is_looked_at_twice_a_second_and_what_changes_is_logged_once(caplog):
    caplog.set_level("INFO")
    free = Observation(elapsed_s=0, time_of_day=time(12), load_of_others=0.0)
    looked_at: list[float] = []
    now, load = [0.0], [0.0]

    def observe() -> Observation:
        looked_at.append(now[0])
        return replace(free, elapsed_s=now[0], load_of_others=load[0])

    availability = Availability(Terms(when_idle=True, idle_s=0.1), observe, clock=lambda: now[0])
    decisions = []
    for step in range(16):
        now[0], load[0] = step * LOOK_EVERY_S / 2, 3.0 if 6 <= step < 12 else 0.0
        decisions.append(availability.look())

    assert looked_at == [step * LOOK_EVERY_S for step in range(8)]
    assert [isinstance(decision, Work) for decision in decisions] == [False] * 2 + [True] * 4 + [False] * 6 + [True] * 4
    assert decisions[6] == Wait(reason="until the machine is free: load of others 3.0")
    assert [record.message for record in caplog.records] == [
        "This machine takes no members, but waits until the machine is free: for 0 of 0 s it has been.",
        "The machine may be used: its workers take members.",
        "This machine takes no members, but waits until the machine is free: load of others 3.0.",
        "The machine may be used: its workers take members.",
    ]
