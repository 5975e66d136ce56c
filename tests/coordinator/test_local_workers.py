import json
import stat
import sys
from pathlib import Path

import pytest

from coordinator import local_workers
from coordinator.local_workers import with_workers
from shared.settings import load_settings

MEASURED = {
    "host": "here",
    "cores": 4,
    "versions": "1",
    "sharings": [
        {"workers": 1, "threads": 4, "samples_per_s": 100.0},
        {"workers": 2, "threads": 2, "samples_per_s": 150.0},
    ],
}


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Let the process that is asked write these lines."""

    def answer(*lines: object, code: int = 0) -> None:
        texts = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
        script = tmp_path / "python"
        script.write_text(f"#!{sys.executable}\nprint({texts!r}, end='', flush=True)\nraise SystemExit({code})\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(local_workers.sys, "executable", str(script))

    return answer


def decided(members: int, **settings: object) -> tuple[int | None, int | None]:
    found = with_workers(load_settings(**settings), members, print)
    return found.workers, found.threads


def test_as_many_workers_as_train_so_many_members_soonest(answering):
    answering({"told": "measuring"}, {"found": MEASURED})

    assert decided(10) == (2, 2)
    # Three rounds of two take 6 / 150, five of one 5 / 100.
    assert decided(5) == (2, 2)


def test_the_measurement_is_announced(answering):
    told: list[str] = []
    answering({"told": "measuring"}, {"found": MEASURED})

    with_workers(load_settings(), 10, told.append)

    assert told == ["measuring"]


def test_few_members_have_one_worker_and_nothing_is_measured(monkeypatch):
    monkeypatch.setattr(local_workers, "_calibration", None)

    assert decided(3) == (1, None)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [({"workers": 3}, (3, None)), ({"threads": 2}, (1, 2)), ({"workers": 2, "threads": 1}, (2, 1))],
)
def test_whoever_says_how_many_gets_them_without_a_measurement(monkeypatch, asked, expected):
    monkeypatch.setattr(local_workers, "_calibration", None)

    assert decided(10, **asked) == expected


@pytest.mark.parametrize("answer", [{"refused": "no engine"}, "no JSON", "", {"found": {}}, "[1]"])
def test_without_a_usable_answer_one_worker_trains(answering, answer):
    answering(answer)

    assert decided(10) == (1, None)


def test_a_measurement_that_dies_is_told(answering):
    told: list[str] = []
    answering({"told": "measuring"}, code=3)

    with_workers(load_settings(), 10, told.append)

    assert told == ["measuring", "One worker is started: the measurement of this machine ended with exit code 3."]
