import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sharing import Calibration, Sharing, allotted_cores, usable_cores


def measured(*speeds: float) -> Calibration:
    sharings = tuple(
        Sharing(workers=2**number, threads=8 // 2**number, samples_per_s=speed) for number, speed in enumerate(speeds)
    )
    return Calibration(host="here", cores=8, versions="1", sharings=sharings)


@pytest.mark.parametrize(
    ("members", "workers"),
    [
        (None, 2),
        (10, 2),
        # The second round of two workers would have one member only: 4 / 115 of a member's images against 3 / 100.
        (3, 1),
        (2, 2),
        (1, 1),
    ],
)
def test_the_last_round_counts_as_whole(members: int | None, workers: int):
    assert measured(100, 115).best(members).workers == workers


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=4), st.integers(1, 100))
def test_no_other_sharing_trains_so_many_members_sooner(speeds: list[float], members: int):
    calibration = measured(*speeds)

    def seconds(sharing: Sharing) -> float:
        return -(-members // sharing.workers) * sharing.workers / sharing.samples_per_s

    assert seconds(calibration.best(members)) == min(map(seconds, calibration.sharings))


def test_a_share_of_the_processor_counts_as_so_many_cores(monkeypatch: pytest.MonkeyPatch):
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert usable_cores() <= seen

    # joblib reads it from the cgroup, too, which only a container could show.
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")

    assert usable_cores() == 1
    assert allotted_cores() == (1 if seen > 1 else None)
