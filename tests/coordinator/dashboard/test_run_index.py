from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.dashboard.run_index import RunIndex, RunLine, due_after_s, order_of_reading
from deepchord.shared.messages import RunSpec
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from tests.coordinator.dashboard.example_runs import begin, fill
from tests.coordinator.evaluated_run import evaluate
from tests.coordinator.followed_run import commit

NAMES = st.lists(st.sampled_from([f"r{number:02d}" for number in range(20)]), unique=True).map(sorted)
TIMES = st.floats(0, 1e6)


def line(name: str, has_ended: bool = False, read_at: float = 0.0, changed_at: float = 0.0) -> RunLine:
    return RunLine(run_id=name, data=b"{}", has_ended=has_ended, read_at=read_at, changed_at=changed_at)


@st.composite
def lines(draw: st.DrawFn) -> list[RunLine]:
    return [line(name, draw(st.booleans()), read_at := draw(TIMES), min(read_at, draw(TIMES))) for name in draw(NAMES)]


@given(NAMES, lines(), st.sets(st.sampled_from([f"r{number:02d}" for number in range(20)])), TIMES)
def test_a_run_is_read_at_most_once_in_a_look_and_new_ones_before_those_that_are_only_due(names, known, at_once, now):
    order = list(order_of_reading(names, known, at_once, now))

    by_name = {each.run_id: each for each in known}
    assert len(order) == len(set(order))
    assert set(order) <= set(names)
    assert set(names) - by_name.keys() <= set(order)
    assert at_once & set(names) <= set(order)
    new = [name for name in order if name not in by_name]
    assert new == sorted(new, reverse=True)
    for name in order:
        assert name not in by_name or name in at_once or now - by_name[name].read_at >= due_after_s(by_name[name])


@given(lines())
def test_a_run_is_looked_at_within_a_minute_and_one_that_moves_at_once(known):
    assert all(0 <= due_after_s(each) <= 60 for each in known)
    assert due_after_s(line("r", read_at=5.0, changed_at=5.0)) == 0


class CountingStore(RunStore):
    """A store that counts how often each run is read."""

    reads: dict[str, int]

    def run(self, run_id: str) -> RunSpec:
        self.reads[run_id] = self.reads.get(run_id, 0) + 1
        return super().run(run_id)


def looks(index: RunIndex, at_once: frozenset[str] = frozenset()) -> Iterator[None]:
    while True:
        index.refresh(at_once, 60.0)
        yield


def test_ended_runs_are_read_once_new_and_changed_ones_are_seen_and_removed_ones_forgotten(tmp_path):
    store = fill(tmp_path / "storage")
    counting = CountingStore(RunStore.open(Settings(storage=str(tmp_path / "storage"))).objects)
    counting.reads = {}
    now = [0.0]
    index = RunIndex(counting, clock=lambda: now[0])
    seen = looks(index)

    next(seen)
    states = {run_id: each.has_ended for run_id, each in index.lines.items()}
    now[0] = 30.0
    next(seen)
    first = dict(counting.reads)
    run = begin(store, 9)
    (tmp_path / "storage" / "runs" / "no-run-yet").mkdir()
    next(seen)
    before = index.lines[run.run_id]
    for member in range(2):
        commit(store, run, member)
    evaluate(store, run, 0.1)
    now[0] = 45.0
    next(seen)
    (tmp_path / "storage" / "runs" / run.run_id).rename(tmp_path / "away")
    next(seen)

    assert index.pending == 0
    assert sorted(states.values()) == [False, *[True] * 7]
    assert {first[run_id] for run_id, has_ended in states.items() if has_ended} == {1}
    assert {first[run_id] for run_id, has_ended in states.items() if not has_ended} == {2}
    assert not before.has_ended
    assert run.run_id not in index.lines
    index.close()


def test_a_look_ends_in_time_and_the_next_one_goes_on(tmp_path):
    store = RunStore.open(Settings(storage=str(tmp_path / "storage")))
    for number in range(40):
        begin(store, number)
    index = RunIndex(store)

    index.refresh(frozenset(), 0.0)
    first, pending = sorted(index.lines), index.pending
    while index.pending:
        index.refresh(frozenset(), 0.0)

    assert 0 < len(first) < 40
    assert len(first) + pending == len(index.lines) == 40
    assert first == sorted(index.lines)[-len(first) :]  # the newest
    index.close()
