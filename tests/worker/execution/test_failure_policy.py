"""Whose fault failures are, and a simulation of what workers do about it: it always ends, whoever fails at what."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepchord.shared.errors import (
    CorruptObjectError,
    DatasetError,
    DivergedError,
    EngineError,
    InputError,
    ObjectNotFoundError,
    StorageError,
)
from deepchord.shared.storage import (
    Attempt,
    SavedEpoch,
    attempts_without_progress,
    comparable_failure,
    failures_in_a_row,
)
from deepchord.worker.execution.failure_policy import (
    MAX_DEFERRALS,
    has_failed_on,
    is_suspect,
    pause_s,
    saved_nothing_on,
    should_defer_to_others,
    should_fail_member,
    should_fail_run,
    way_of,
)

MAX_ATTEMPTS = 3
OUT_OF_MEMORY = MemoryError("12 MiB are missing at 0x7f00")


def failed(number: int, worker: str, error: Exception, epochs: int = 0, **more: bool) -> Attempt:
    saved = tuple(SavedEpoch(attempt=number, epoch=epoch, sha256="0" * 64) for epoch in range(1, epochs + 1))
    return Attempt(number=number, saved=saved, failure=comparable_failure(worker, way_of(error)), **more)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (MemoryError("12 MiB are missing at 0x7f00"), MemoryError("9 MiB are missing at 0x1234"), True),
        (RuntimeError("no kernel"), RuntimeError("no memory"), False),
        (EngineError("the driver hung"), EngineError("no kernel"), False),
        (CorruptObjectError("/mnt/a/datasets/1.npz is damaged"), CorruptObjectError("/b/datasets/1.npz"), True),
        (DivergedError("the training loss became nan"), DivergedError("the sum became inf"), True),
        (DatasetError("no images"), InputError("no images"), False),
    ],
)
def test_what_differs_from_host_to_host_is_no_other_way_to_fail(one, other, same):
    assert (way_of(one) == way_of(other)) is same


@pytest.mark.parametrize("kind", [InputError, DatasetError, CorruptObjectError, ObjectNotFoundError])
def test_what_every_member_is_given_ends_the_run_when_two_workers_fail_of_it(kind):
    error = kind("x")
    one, other = failed(1, "a", error), failed(1, "b", error)

    assert should_fail_run(error, {0: [one], 3: [other]}, 100, MAX_ATTEMPTS, lambda: {"a", "b", "c", "idle"})
    assert should_fail_run(error, {0: [one, replace(other, number=2)]}, 1, MAX_ATTEMPTS, lambda: {"a", "b"})
    assert not should_fail_run(error, {0: [one], 3: [failed(1, "a", error)]}, 100, MAX_ATTEMPTS, lambda: {"a"})


def test_what_may_be_of_seeds_ends_the_run_when_every_worker_fails_so_at_several_members():
    error = DivergedError("nan")
    two = {0: [failed(1, "a", error)], 1: [failed(1, "b", error)]}
    three = two | {2: [failed(1, "a", error)]}

    assert should_fail_run(error, two, 2, MAX_ATTEMPTS, lambda: {"a", "b"})
    assert not should_fail_run(error, two, 4, MAX_ATTEMPTS, lambda: {"a", "b"})
    assert should_fail_run(error, three, 4, MAX_ATTEMPTS, lambda: {"a", "b"})
    assert not should_fail_run(error, three, 4, MAX_ATTEMPTS, lambda: {"a", "b", "more luck"})
    assert should_fail_run(
        error, {0: [failed(1, "a", error), failed(2, "b", error)]}, 1, MAX_ATTEMPTS, lambda: {"a", "b"}
    )


@pytest.mark.parametrize("error", [OUT_OF_MEMORY, EngineError("no kernel for this"), ValueError("x")])
def test_what_may_be_of_devices_and_pass_ends_the_run_when_several_members_were_tried_on_two_workers_or_to_the_end(
    error,
):
    once = {index: [failed(1, "ab"[index % 2], error)] for index in range(50)}
    on_both = [failed(1, "a", error), failed(2, "b", error)]
    to_the_end = [failed(number, "a", error) for number in range(1, MAX_ATTEMPTS + 1)]

    def ends(attempts: dict[int, list[Attempt]], members: int = 50, connected: str = "ab") -> bool:
        return should_fail_run(error, attempts, members, MAX_ATTEMPTS, lambda: set(connected))

    assert not ends(once)
    assert not ends(once | {0: on_both, 1: to_the_end})
    assert not ends(once | {0: on_both, 1: to_the_end, 2: to_the_end[:-1]})
    assert ends(once | {0: on_both, 1: to_the_end, 2: on_both})
    assert not ends(once | {0: on_both, 1: on_both, 2: on_both}, connected="abc")
    assert ends({0: on_both, 1: on_both}, members=2)
    assert not ends({0: on_both, 1: once[1]}, members=2)


@pytest.mark.parametrize(
    "error", [StorageError("away"), OSError(28, "No space left on device"), ConnectionError("reset")]
)
def test_what_surrounds_the_workers_and_may_pass_never_ends_a_run(error):
    every = {index: [failed(1, "ab"[index % 2], error)] for index in range(9)}

    assert not should_fail_run(error, every, 9, MAX_ATTEMPTS, lambda: {"a", "b"})
    assert not should_fail_member(error, [failed(1, "a", error), failed(2, "b", error)])


@pytest.mark.parametrize("further", [failed(1, "c", OUT_OF_MEMORY, epochs=1), Attempt(number=1, has_weights=True)])
def test_a_run_of_which_any_member_came_further_is_not_at_fault(further):
    error = DivergedError("nan")
    every = {index: [failed(1, "ab"[index % 2], error)] for index in range(9)}

    assert should_fail_run(error, every, 10, MAX_ATTEMPTS, lambda: {"a", "b"})
    assert not should_fail_run(error, every | {9: [further]}, 10, MAX_ATTEMPTS, lambda: {"a", "b"})


def test_failures_in_different_ways_and_those_before_the_run_was_resumed_do_not_count():
    error = CorruptObjectError("damaged")
    other = failed(1, "b", DatasetError("no images"))
    resumed = failed(1, "b", error, handed_over=True)

    assert not should_fail_run(error, {0: [failed(1, "a", error)], 1: [other]}, 2, MAX_ATTEMPTS, lambda: {"a", "b"})
    assert not should_fail_run(error, {0: [failed(1, "a", error)], 1: [resumed]}, 2, MAX_ATTEMPTS, lambda: {"a", "b"})


def test_a_member_that_diverges_on_two_workers_is_not_tried_on_a_third_but_one_that_wants_memory_is():
    nan = DivergedError("nan")

    assert should_fail_member(nan, [failed(1, "a", nan), failed(2, "b", nan)])
    assert not should_fail_member(nan, [failed(1, "a", nan), failed(2, "a", nan)])
    assert not should_fail_member(nan, [failed(1, "a", nan, epochs=1), failed(2, "b", nan)])
    assert not should_fail_member(OUT_OF_MEMORY, [failed(1, "a", OUT_OF_MEMORY), failed(2, "b", OUT_OF_MEMORY)])


def test_a_member_is_left_to_who_has_not_failed_at_it_but_not_for_ever():
    assert should_defer_to_others({"b", "c"}, ["b", "a"], 0)
    assert not should_defer_to_others({"b"}, ["b", "a"], 0)
    assert not should_defer_to_others(set(), ["a"], 0)
    assert not should_defer_to_others({"b", "c"}, ["b", "a"], MAX_DEFERRALS)


def test_pauses_grow_and_are_drawn_anew_and_are_half_an_hour_in_all():
    middle = [pause_s(times, 0.5) for times in range(MAX_DEFERRALS)]

    assert middle[:6] == [1, 2, 4, 8, 16, 30]
    assert set(middle[6:]) == {30}
    assert (pause_s(0, 0.0), pause_s(0, 0.5)) == (0.5, 1.0)
    assert 1500 < sum(middle) < 1800


#: What an attempt can come to: an epoch more and then an error, an error, a process that dies, the member's end.
ERRORS: dict[str, Exception] = {
    "diverges": DivergedError("nan"),
    "is damaged": CorruptObjectError("x"),
    "wants memory": OUT_OF_MEMORY,
    "is full": OSError(28, "No space left on device"),
    "fails": EngineError("the driver hung"),
}
OUTCOMES = ("trains", "dies", "hands over", *ERRORS)


@dataclass
class Fleet:
    """Workers on one queue that do with its messages what the rule says; each step is one message of one worker."""

    members: int
    #: What a worker's attempt at a member comes to, and how many epochs it gets it further before.
    outcome: Callable[[str, int, int], tuple[str, int]]
    workers: set[str]
    attempts: dict[int, list[Attempt]] = field(default_factory=dict)
    deferrals: Counter[tuple[str, int]] = field(default_factory=Counter)
    deferred: int = 0
    ended: dict[int, str] = field(default_factory=dict)
    run_failed: bool = False

    def __post_init__(self) -> None:
        self.queue = deque(range(self.members))

    @property
    def has_ended(self) -> bool:
        return self.run_failed or not self.queue

    def step(self, worker: str) -> None:
        """Let a worker take the next message, and do with it what it does."""
        index = self.queue.popleft()
        had = self.attempts.setdefault(index, [])
        failed_on = [attempt.worker for attempt in attempts_without_progress(had)]
        suspect = has_failed_on(worker, had) or self._is_suspect(worker, index)
        if suspect and should_defer_to_others(self.workers - {worker}, failed_on, self.deferrals[worker, index]):
            self.deferrals[worker, index] += 1
            self.deferred += 1
            self.queue.append(index)
            return
        self.deferrals[worker, index] = 0
        self._attempt(worker, index, had)

    def _is_suspect(self, worker: str, index: int) -> bool:
        def failures_of(other: int) -> int:
            last = reversed(attempts_without_progress(self.attempts.get(other, [])))
            return saved_nothing_on(worker, ((attempt, attempt.worker) for attempt in last))

        others = (other for other in range(self.members) if other not in {index, *self.ended})
        return is_suspect(failures_of(index), map(failures_of, others))

    def _attempt(self, worker: str, index: int, had: list[Attempt]) -> None:
        number = len(had) + 1
        outcome, further = self.outcome(worker, index, number)
        reached = max((saved.epoch for attempt in had for saved in attempt.saved), default=0)
        saved = tuple(
            SavedEpoch(attempt=number, epoch=epoch, sha256="0" * 64)
            for epoch in range(reached + 1, reached + 1 + further)
        )
        error = ERRORS.get(outcome)
        had.append(
            _Named(
                number=number,
                worker=worker,
                saved=saved,
                handed_over=outcome == "hands over",
                has_weights=outcome == "trains",
                failure=None if error is None else comparable_failure(worker, way_of(error)),
            )
        )
        if outcome == "trains":
            self.ended[index] = outcome
        elif error is not None and should_fail_run(
            error, self.attempts, self.members, MAX_ATTEMPTS, lambda: self.workers
        ):
            self.run_failed = True
        elif failures_in_a_row(had) >= MAX_ATTEMPTS or (error is not None and should_fail_member(error, had)):
            self.ended[index] = "failed"
        else:
            self.queue.append(index)


@dataclass(frozen=True, kw_only=True)
class _Named(Attempt):
    """An attempt and the note of whose it was."""

    worker: str


#: How often an attempt gets a member further, and is handed over: there is an end to epochs, and to drained workers.
FURTHER, HANDED_OVER = 4, 4
_WHAT = st.sampled_from(["works", "works", "works", "comes", "goes"])
_NAMES = st.sampled_from([f"worker{number}" for number in range(4)])


@settings(max_examples=40)
@given(
    members=st.integers(1, 4),
    outcomes=st.lists(st.tuples(st.sampled_from(OUTCOMES), st.booleans()), min_size=1, max_size=40),
    deterministic=st.booleans(),
    deliveries=st.lists(
        st.tuples(_NAMES, st.sampled_from(["works", "works", "works", "comes", "goes"])), min_size=1, max_size=60
    ),
)
def test_whoever_fails_at_what_every_run_ends_after_bounded_attempts_and_bounded_hand_backs(
    members, outcomes, deterministic, deliveries
):
    granted: Counter[tuple[str, int]] = Counter()

    def outcome(worker: str, index: int, number: int) -> tuple[str, int]:
        chosen, further = outcomes[
            (index if deterministic else crc32(f"{worker} {index} {number}".encode())) % len(outcomes)
        ]
        granted["further", index] += further
        granted[chosen, index] += 1
        if chosen == "hands over" and granted[chosen, index] > HANDED_OVER:
            chosen = "fails"
        return chosen, int(further and granted["further", index] <= FURTHER)

    fleet = Fleet(members=members, outcome=outcome, workers={"worker0"})
    most_attempts = members * (MAX_ATTEMPTS * (FURTHER + 1) + HANDED_OVER)
    most_deferred = MAX_DEFERRALS * (most_attempts + members) * len(fleet.workers | {name for name, _ in deliveries})
    steps = 0
    while not fleet.has_ended:
        name, what = deliveries[steps % len(deliveries)]
        steps += 1
        if what == "comes":
            fleet.workers.add(name)
        elif what == "goes" and len(fleet.workers) > 1:
            fleet.workers.discard(name)
        fleet.step(name if name in fleet.workers else min(fleet.workers))
        assert steps <= most_attempts + most_deferred, "it goes on and on"

    made = {index: len(had) for index, had in fleet.attempts.items()}
    assert all(count <= MAX_ATTEMPTS * (FURTHER + 1) + HANDED_OVER for count in made.values())
    assert fleet.deferred <= most_deferred
    if not fleet.run_failed:
        assert set(fleet.ended) == set(range(members))
    else:
        assert "trains" not in fleet.ended.values()


@given(
    workers=st.integers(2, 8),
    members=st.integers(1, 40),
    error=st.sampled_from(["diverges", "is damaged"]),
    seed=st.integers(0, 2**32),
)
def test_what_fails_everywhere_before_its_first_epoch_ends_the_run_after_few_attempts(workers, members, error, seed):
    names, chances = [f"worker{number}" for number in range(workers)], Random(seed)
    fleet = Fleet(members=members, outcome=lambda *_: (error, 0), workers=set(names))
    while not fleet.has_ended:  # in turn, but for the chance in their pauses
        for name in chances.sample(names, k=workers):
            if not fleet.has_ended:
                fleet.step(name)

    on = [[attempt.worker for attempt in had] for had in fleet.attempts.values()]
    assert all(len(each) == len(set(each)) <= 2 for each in on)
    assert fleet.run_failed or set(fleet.ended.values()) == {"failed"}
    if error == "is damaged":
        assert fleet.run_failed
        assert sum(map(len, on)) == 2
    else:
        assert sum(map(len, on)) <= 2 * members
    if members >= 3 * workers:
        assert fleet.run_failed
        assert sum(map(len, on)) <= 2 * workers + 3
