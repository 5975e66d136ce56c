import pytest

from coordinator.report.formats import count, duration, percent, place_of, points


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


def test_a_worker_without_an_engine_has_no_place() -> None:
    assert place_of(None) == "before its engine could be opened"
