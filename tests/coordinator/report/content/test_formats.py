from datetime import UTC, datetime

import pytest

from deepchord.coordinator.report.content import count, duration, failure_of, percent, points
from deepchord.shared.messages import FailedMember, MemberSeeds, MemberSpec, Trainer


@pytest.mark.parametrize(
    ("difference", "text"), [(0.0185, "+1.85"), (-0.002, "\u22120.20"), (0.0, "±0.00"), (-0.00001, "±0.00")]
)
def test_points_carry_their_sign(difference: float, text: str) -> None:
    assert points(difference) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (41.2, "41 s"),
        (59.6, "1 min"),
        (725, "12 min 5 s"),
        (3599.9, "1 h"),
        (6420, "1 h 47 min"),
        (100 * 3600, "100 h"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds).replace("\u00a0", " ") == text


def test_counts_and_shares() -> None:
    assert count(1, "member") == "1\u00a0member"
    assert count(10_000, "image") == "10,000\u00a0images"
    assert percent(0.9355) == "93.55\u00a0%"


@pytest.mark.parametrize(
    ("attempt", "trainer", "text"),
    [
        (
            3,
            Trainer(host="box", engine="torch", engine_version="2", device="cuda:0"),
            " in attempt 3, on box (torch, cuda:0)",
        ),
        (2, None, " in attempt 2"),
        (0, None, ""),
    ],
)
def test_a_failure_is_told_with_as_much_as_there_was_of_it(attempt: int, trainer: Trainer | None, text: str) -> None:
    seeds = MemberSeeds(split=1, initialization=2, shuffling=3, dropout=4)
    spec = MemberSpec(run_id="20261123-064000-c0de", index=0, seeds=seeds)
    now = datetime(2026, 11, 23, tzinfo=UTC)
    failed = FailedMember(spec=spec, attempt=attempt, trainer=trainer, finished_at=now, error="cancelled from box")

    assert failure_of(failed) == f"failed{text}"
