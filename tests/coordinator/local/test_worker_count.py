import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from deepchord.coordinator.local import choose_workers, worker_count
from deepchord.coordinator.runs import plan_request, plan_run
from deepchord.shared.host import WORKER_BYTES
from deepchord.shared.messages import DatasetInfo, RunSpec
from deepchord.shared.network import notebook_architecture
from deepchord.shared.settings import load_settings

MEASURED = {
    "host": "here",
    "versions": "1",
    "setups": [
        {"workers": 1, "threads": 4, "samples_per_s": 100.0},
        {"workers": 2, "threads": 2, "samples_per_s": 150.0},
    ],
}

GPUS = tuple(f"cuda:{number}" for number in range(8))


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Let the process that is asked write these lines; what is measured only if that is asked for."""

    def answer(*lines: object, code: int = 0) -> None:
        script = tmp_path / "python"
        script.write_text(
            f"#!{sys.executable}\nimport json, sys\n*_, most, measure = sys.argv\nfor line in {lines!r}:\n"
            "    if isinstance(line, dict):\n"
            "        devices = line.get('devices', [])[:int(most)]\n"
            "        measured = measure and len(devices) < int(most)\n"
            "        line = {name: value for name, value in line.items() if name != 'tuning' or measured}\n"
            "        line = json.dumps(line | {'devices': devices})\n"
            f"    print(line, flush=True)\nraise SystemExit({code})\n"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(sys, "executable", str(script))

    return answer


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The memory of this machine, in bytes."""
    bytes_of = SimpleNamespace(free_bytes=8 * 2**30)
    monkeypatch.setattr(worker_count, "free_memory_bytes", lambda: bytes_of.free_bytes)
    return bytes_of


def run_of(members: int, train_size: int = 100) -> RunSpec:
    dataset = DatasetInfo(
        name="made.npz",
        sha256="0" * 64,
        input_shape=(64, 64, 3),
        class_names=("a", "b"),
        train_size=train_size,
        test_size=10,
    )
    return plan_run(plan_request(None, {"members": members}), notebook_architecture(), dataset, max_attempts=3)


def decided(members: int, train_size: int = 100, **settings: object) -> tuple[int | None, int | None]:
    found, devices = choose_workers(load_settings(**settings), run_of(members, train_size), print)
    assert devices == ()
    return found.workers, found.threads


def on_gpus(members: int, **settings: object) -> tuple[int | None, int | None, tuple[str, ...]]:
    found, devices = choose_workers(load_settings(**settings), run_of(members), print)
    return found.workers, found.threads, devices


def test_as_many_workers_as_train_so_many_members_soonest(answering):
    answering({"message": "measuring"}, {"tuning": MEASURED})

    assert decided(10) == (2, 2)
    # Three rounds of two take 6 / 150, five of one 5 / 100.
    assert decided(5) == (2, 2)


def test_no_more_workers_than_there_is_memory_for_with_the_data_set(answering, memory):
    answering({"tuning": MEASURED})

    # 1.2 GB of images, of which each worker needs up to three times as much.
    assert decided(10, train_size=100_000) == (1, None)
    memory.free_bytes *= 2
    assert decided(10, train_size=100_000) == (2, 2)


def test_the_measurement_is_announced(answering):
    told: list[str] = []
    answering({"message": "measuring"}, {"tuning": MEASURED})

    choose_workers(load_settings(), run_of(10), told.append)

    assert told == ["measuring"]


def test_few_members_have_one_worker_and_nothing_is_measured(answering):
    answering({"tuning": MEASURED})

    assert decided(3) == (1, None)
    assert decided(4) == (2, 2)


@pytest.mark.parametrize("settings", [{"members": 1}, {"members": 10, "workers": 1}])
def test_nothing_is_asked_where_one_worker_is_all_there_can_be(monkeypatch, settings):
    monkeypatch.setattr(worker_count, "_ask", None)

    assert decided(**settings) == (1, None)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [({"workers": 3}, (3, None)), ({"threads": 2}, (1, 2)), ({"workers": 2, "threads": 1}, (2, 1))],
)
def test_whoever_says_how_many_gets_them_without_a_measurement(answering, asked, expected):
    answering({"tuning": MEASURED})

    assert decided(10, **asked) == expected


@pytest.mark.parametrize(
    ("members", "asked", "expected"),
    [
        (10, {}, (4, 2)),
        (10, {"workers": 3}, (3, None)),
        (10, {"threads": 1}, (2, 1)),
        (3, {}, (2, None)),
    ],
)
def test_several_gpus_share_the_members(answering, members, asked, expected):
    answering({"devices": GPUS[:2], "tuning": MEASURED})

    assert on_gpus(members, **asked) == (*expected, GPUS[:2])


@pytest.mark.parametrize(
    ("members", "asked", "expected"),
    [(5, {}, (5, None)), (3, {}, (3, None)), (10, {"workers": 2}, (2, None)), (2, {"workers": 6}, (6, None))],
)
def test_no_more_gpus_are_used_than_there_is_work_and_workers_for(answering, members, asked, expected):
    told: list[str] = []
    answering({"devices": GPUS, "tuning": MEASURED})

    found, devices = choose_workers(load_settings(**asked), run_of(members), told.append)

    assert (found.workers, found.threads) == expected
    assert devices == GPUS[: min(members, expected[0])]
    assert told == [f"Training on {len(devices)} GPUs: {', '.join(devices)}."]


def test_no_more_gpus_are_used_than_there_is_memory_for(answering, memory):
    answering({"devices": GPUS, "tuning": MEASURED})
    memory.free_bytes = 4 * WORKER_BYTES - 1

    assert on_gpus(10) == (3, None, GPUS[:3])


def test_gpus_are_used_also_where_they_could_not_be_measured(answering):
    answering({"devices": GPUS[:2], "error": "the first is busy"})

    assert on_gpus(10) == (2, None, GPUS[:2])


@pytest.mark.parametrize("answer", [{"error": "no engine"}, "no JSON", "", {"tuning": {}}, "[1]"])
def test_without_a_usable_answer_one_worker_trains(answering, answer):
    answering(answer)

    assert decided(10) == (1, None)


def test_a_measurement_that_dies_is_told(answering):
    told: list[str] = []
    answering({"message": "measuring"}, code=3)

    choose_workers(load_settings(), run_of(10), told.append)

    assert told == [
        "measuring",
        "Which workers suit this machine is unknown: looking for that ended with exit code 3.",
    ]
