import os
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.errors import InputError
from deepchord.shared.host import Tuning, WorkerSetup, allotted_cores, free_memory_bytes, usable_cores


def measured(*speeds: float) -> Tuning:
    setups = tuple(
        WorkerSetup(workers=2**number, threads=8 // 2**number, samples_per_s=speed)
        for number, speed in enumerate(speeds)
    )
    return Tuning(host="here", versions="1", setups=setups)


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
    tuning = measured(*speeds)

    def seconds(setup: WorkerSetup) -> float:
        return -(-members // setup.workers) * setup.workers / setup.samples_per_s

    assert seconds(tuning.best(members)) == min(map(seconds, tuning.setups))


def test_a_share_of_the_processor_counts_as_so_many_cores(monkeypatch: pytest.MonkeyPatch):
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert usable_cores() <= seen

    # joblib reads it from the cgroup, too, which only a container could show.
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")

    assert usable_cores() == 1
    assert allotted_cores() == (1 if seen > 1 else None)


def write_group(folder: Path, files: dict[str, str]) -> None:
    """Write a control group as Linux shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text + "\n")


@pytest.mark.parametrize(
    ("folder", "limit", "usage", "cache"),
    [
        (".", "memory.max", "memory.current", "inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_the_memory_of_a_container_is_what_its_limit_leaves(
    tmp_path: Path, folder: str, limit: str, usage: str, cache: str
):
    write_group(tmp_path / folder, {limit: "1000000", usage: "700000", "memory.stat": f"anon 500000\n{cache} 200000"})

    assert free_memory_bytes(tmp_path) == 500_000

    write_group(tmp_path / folder, {usage: "1300000"})
    assert free_memory_bytes(tmp_path) == 0


def test_the_limits_of_a_service_are_those_of_all_groups_that_it_lies_in(tmp_path: Path):
    groups, own = tmp_path / "cgroup", tmp_path / "own"
    own.write_text("0::/system.slice/deepchord.service\n")
    limits = {"memory.max": "1000000", "memory.current": "300000", "memory.stat": "inactive_file 0"}
    write_group(groups / "system.slice", {**limits, "cpu.max": "max 100000"})
    write_group(groups / "system.slice" / "deepchord.service", {"memory.max": "max", "cpu.max": "50000 100000"})

    assert free_memory_bytes(groups, own) == 700_000
    assert usable_cores(groups, own) == 1
    assert usable_cores(groups, tmp_path / "none") == usable_cores()


def test_of_two_versions_of_control_groups_each_has_its_own_folder(tmp_path: Path):
    groups, own = tmp_path / "cgroup", tmp_path / "own"
    own.write_text("4:memory,pids:/job\n1:cpu:/other\n0::/\n")
    limits = {"memory.limit_in_bytes": "1000000", "memory.usage_in_bytes": "300000"}
    write_group(groups / "memory" / "job", {**limits, "memory.stat": "total_inactive_file 0"})

    assert free_memory_bytes(groups, own) == 700_000


def test_no_more_workers_than_there_is_room_for_but_always_one():
    assert measured(100, 150, 200).best(most=3).workers == 2
    assert measured(100, 150, 200).best(most=0).workers == 1


@pytest.mark.parametrize("limit", ["max", str(2**63 - 4096)])
def test_without_a_limit_the_memory_is_the_host_s(tmp_path: Path, limit: str):
    write_group(tmp_path, {"memory.max": limit, "memory.current": "700000", "memory.stat": "inactive_file 0"})

    assert 10_000_000 < free_memory_bytes(tmp_path) <= psutil.virtual_memory().total


def test_a_number_of_cores_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "many")

    with pytest.raises(InputError, match=r"^LOKY_MAX_CPU_COUNT.* is no number .*'many'.*: correct or unset it\.$"):
        usable_cores()
