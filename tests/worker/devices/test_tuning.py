from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.errors import EngineError
from deepchord.shared.host import usable_cores
from deepchord.shared.settings import Settings, load_settings
from deepchord.worker.devices import tune, tuning
from deepchord.worker.devices.tuning import candidates
from tests.places import QUICKEST_ENGINE

MANY_GIB = 2**40


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Let speeds be measured by a table, workers to images per second; returns what was measured, in order."""

    def measure(speeds: dict[int, float]) -> list[int]:
        asked: list[int] = []

        def speed(_: Settings, workers: int, threads: int) -> float:
            assert workers * threads == 4
            asked.append(workers)
            if workers not in speeds:
                raise ValueError("out of memory")
            return speeds[workers]

        monkeypatch.setattr(tuning, "_speed", speed)
        monkeypatch.setattr(tuning, "usable_cores", lambda: 4)
        monkeypatch.setattr(tuning.psutil, "cpu_percent", lambda interval: 3.0)
        monkeypatch.setattr(tuning, "choose_engine", lambda name: name)
        return asked

    return measure


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The free memory of this machine, in bytes."""
    bytes_of = SimpleNamespace(free_bytes=MANY_GIB)
    monkeypatch.setattr(tuning, "free_memory_bytes", lambda: bytes_of.free_bytes)
    return bytes_of


def settings(**changes: object) -> Settings:
    return load_settings(engine="jax", **changes)


def workers_found(**changes: object) -> list[int]:
    return [sharing.workers for sharing in tune(settings(**changes), lambda _: None).setups]


@given(st.integers(1, 256))
def test_candidates_use_the_cores(cores: int):
    found = list(candidates(cores))

    assert (found[0], found[-1]) == ((1, cores), (cores, 1))
    assert all(workers * threads <= cores < workers * (threads + 1) for workers, threads in found)


def test_more_workers_are_tried_until_they_are_slower(four_cores):
    asked = four_cores({1: 100, 2: 150, 4: 120})

    assert workers_found() == [1, 2]
    assert asked == [1, 2, 4]


def test_more_workers_that_are_hardly_faster_are_not_worth_it(four_cores):
    four_cores({1: 100, 2: 101, 4: 150})

    assert workers_found() == [1, 4]


def test_what_does_not_fit_is_left_out(four_cores):
    asked = four_cores({1: 100})

    assert workers_found() == [1]
    assert asked == [1, 2]


def test_what_failed_is_measured_again_next_time(four_cores):
    speeds = {1: 100}
    asked = four_cores(speeds)

    assert workers_found() == [1]
    speeds[2] = 150
    assert workers_found() == [1, 2]
    assert asked == [1, 2, 1, 2, 4]


def test_what_memory_was_short_for_is_measured_when_there_is_room(four_cores, memory):
    asked = four_cores({1: 100, 2: 150, 4: 200})

    memory.free_bytes = 2**30
    assert workers_found() == workers_found() == [1]
    memory.free_bytes = 4 * 2**30
    assert workers_found() == workers_found() == [1, 2]
    assert asked == [1, 1, 2]
    memory.free_bytes = MANY_GIB
    assert workers_found() == workers_found() == [1, 2, 4]
    assert asked == [1, 1, 2, 1, 2, 4]


def test_what_was_measured_counts_while_it_cannot_be_measured_again(four_cores, memory, monkeypatch):
    four_cores({1: 100, 2: 150, 4: 200})
    memory.free_bytes = 4 * 2**30
    assert workers_found() == [1, 2]

    memory.free_bytes = MANY_GIB
    monkeypatch.setattr(tuning.psutil, "cpu_percent", lambda _: 90.0)
    assert workers_found() == [1, 2]
    monkeypatch.setattr(tuning.psutil, "cpu_percent", lambda _: 0.0)
    four_cores({})
    assert workers_found() == [1, 2]


def test_where_fewer_workers_were_slower_already_room_for_more_is_no_reason_to_measure_again(four_cores, memory):
    asked = four_cores({1: 100, 2: 80, 4: 200})
    memory.free_bytes = 4 * 2**30
    assert workers_found() == [1]

    memory.free_bytes = MANY_GIB

    assert workers_found() == [1]
    assert asked == [1, 2]


def test_what_was_measured_is_left_out_while_memory_is_short(four_cores, memory):
    asked = four_cores({1: 100, 2: 150, 4: 200})
    tune(settings(), print)

    memory.free_bytes = 4 * 2**30
    assert workers_found() == [1, 2]
    memory.free_bytes = MANY_GIB
    assert workers_found() == [1, 2, 4]
    assert asked == [1, 2, 4]


def test_several_devices_share_cores_and_memory(four_cores, memory, monkeypatch: pytest.MonkeyPatch):
    asked = four_cores({1: 100, 2: 150, 4: 200})
    monkeypatch.setattr(tuning, "usable_cores", lambda: 8)
    memory.free_bytes = 8 * 2**30

    found = tune(settings(), print, devices=2)

    assert [(sharing.workers, sharing.threads) for sharing in found.setups] == [(1, 4), (2, 2)]
    assert tune(settings(), print, devices=2) == found
    memory.free_bytes = 4 * 2**30
    assert [sharing.workers for sharing in tune(settings(), print, devices=2).setups] == [1]
    assert asked == [1, 2]


@pytest.mark.parametrize("variable", ["CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"])
def test_other_devices_to_be_seen_are_measured_anew(four_cores, monkeypatch: pytest.MonkeyPatch, variable: str):
    asked = four_cores({1: 100, 2: 90})
    tune(settings(), print)
    monkeypatch.setenv(variable, "")
    tune(settings(), print)

    assert asked == [1, 2] * 2


def test_what_drives_gpus_is_of_the_versions(monkeypatch: pytest.MonkeyPatch):
    packages = {"jax": ["jax"], "nvidia": ["nvidia-cudnn-cu12"], "jax_plugins": ["jax-cuda12-pjrt"], "other": ["other"]}
    monkeypatch.setattr(tuning.importlib.metadata, "packages_distributions", lambda: packages)
    monkeypatch.setattr(tuning.importlib.metadata, "version", lambda name: "1")

    versions = tuning._versions("jax")

    assert all(f"{name} 1" in versions for name in ("jax", "nvidia-cudnn-cu12", "jax-cuda12-pjrt"))
    assert "other" not in versions


def test_without_one_worker_that_trains_there_is_no_answer(four_cores):
    four_cores({})

    with pytest.raises(EngineError, match=r"No worker with jax could be measured .* `deepchord doctor`"):
        workers_found()


def test_it_is_measured_once_and_said_before(four_cores):
    asked = four_cores({1: 100, 2: 90})
    told: list[str] = []

    first = tune(settings(), told.append)
    again = tune(settings(), told.append)

    assert again == first
    assert asked == [1, 2]
    assert len(told) == 1


def test_other_versions_other_cores_and_damaged_files_are_measured_anew(four_cores, monkeypatch: pytest.MonkeyPatch):
    asked = four_cores({1: 100, 2: 90})
    tune(settings(), print)
    (kept,) = (settings().state / "calibration").iterdir()

    monkeypatch.setattr(tuning, "_versions", lambda engine: "another")
    tune(settings(), print)
    kept.write_text("{")
    tune(settings(), print)

    assert asked == [1, 2] * 3


def test_beside_other_work_nothing_is_measured_and_nothing_kept(four_cores, monkeypatch: pytest.MonkeyPatch):
    asked = four_cores({1: 100, 2: 150})
    monkeypatch.setattr(tuning.psutil, "cpu_percent", lambda interval: 60.0)
    told: list[str] = []

    (setup,) = tune(settings(), told.append).setups

    assert (setup.workers, setup.threads, asked) == (1, 4, [])
    assert "Other work keeps this machine busy" in told[0]
    monkeypatch.setattr(tuning.psutil, "cpu_percent", lambda interval: 3.0)
    assert workers_found() == [1, 2]


def test_a_round_that_other_work_made_slower_does_not_count(monkeypatch: pytest.MonkeyPatch):
    class Probe(nullcontext):
        """Answers `ready`, then the speeds of its rounds."""

        def __init__(self, environment: object) -> None:
            super().__init__(self)
            self._answers = iter(["ready\n", *speeds.pop()])

        def line(self) -> str:
            return next(self._answers)

        def go(self) -> None:
            pass

    speeds = [["60\n", "100\n", "99\n"], ["70\n", "110\n", "120\n"]]
    monkeypatch.setattr(tuning, "_Probe", Probe)

    assert tuning._speed(settings(), 2, 1) == 219


def test_where_it_cannot_be_kept_it_is_measured_each_time(four_cores, tmp_path):
    asked = four_cores({1: 100, 2: 90})
    (tmp_path / "file").write_text("")

    for _ in range(2):
        tune(settings(state=tmp_path / "file" / "state"), print)

    assert asked == [1, 2] * 2


def test_plaidml_is_not_measured_for_it_takes_all_threads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tuning, "_speed", None)
    monkeypatch.setattr(tuning, "choose_engine", lambda name: name)

    (setup,) = tune(load_settings(engine="plaidml"), print).setups

    assert (setup.workers, setup.threads) == (1, usable_cores())


@pytest.mark.slow
def test_real_workers_are_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tuning.psutil, "cpu_percent", lambda interval: 3.0)
    told: list[str] = []

    found = tune(load_settings(engine=QUICKEST_ENGINE), told.append)

    assert found.setups[0].workers == 1
    assert found.setups[0].threads == usable_cores()
    assert all(setup.samples_per_s > 1 for setup in found.setups)
    assert QUICKEST_ENGINE in found.versions
    assert len(told) == (1 if usable_cores() > 1 else 0)


@pytest.mark.slow
def test_a_worker_that_ends_at_once_is_no_measurement(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tuning.psutil, "cpu_percent", lambda interval: 3.0)
    monkeypatch.setattr(tuning, "usable_cores", lambda: 2)

    with pytest.raises(EngineError, match=f"No worker with {QUICKEST_ENGINE} could be measured"):
        tune(load_settings(engine=QUICKEST_ENGINE, device="no-such-device"), print)
