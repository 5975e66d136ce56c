import json

from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.dashboard.board import Board

RUNS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), max_size=4)
#: What a look found, and which of three viewers look at the board after it.
LOOKS = st.lists(st.tuples(RUNS, st.integers(0, 2), RUNS, st.sets(st.integers(0, 2))), max_size=12)


def encoded(values: dict[str, int]) -> dict[str, bytes]:
    return {name: json.dumps({"run_id": name, "value": value}).encode() for name, value in values.items()}


def taken(known: dict[str, dict], message: bytes) -> None:
    """Take an event as the page does."""
    name, data = (line.partition(b": ")[2] for line in message.strip().split(b"\n"))
    told = json.loads(data)
    if name != b"runs":
        known[name.decode()] = told
        return
    for run in told["runs"]:
        known["all"][run["run_id"]] = run["value"]
    for run_id in told["removed"]:
        known["all"].pop(run_id, None)


@given(LOOKS)
def test_whoever_takes_the_news_now_and_then_knows_in_the_end_what_the_board_holds(looks):
    board, seen = Board(), dict.fromkeys(range(3), 0)
    known: dict[int, dict] = {viewer: {"all": {}} for viewer in seen}
    for number, (runs, common, parts, viewers) in enumerate(looks):
        if number == len(looks) - 1:
            viewers = set(seen)
        board.update(encoded(runs), {"state": b"%d" % common}, {"a": encoded(parts)})
        for viewer in viewers:
            for message in board.news(seen[viewer], "a"):
                taken(known[viewer], message)
            seen[viewer] = board.version
    if looks:
        runs, common, parts, _ = looks[-1]
        for told in known.values():
            assert told["all"] == runs
            assert told["state"] == common
            assert {name: told[name]["value"] for name in parts} == parts


@given(RUNS)
def test_what_has_not_changed_is_no_news(runs):
    board = Board()

    board.update(encoded(runs), {}, {"a": encoded(runs)})
    version = board.version

    assert not board.update(encoded(runs), {}, {"a": None})
    assert (board.version, list(board.news(version, "a"))) == (version, [])


def test_parts_of_a_run_are_for_those_who_look_at_it_and_are_forgotten_after_them():
    board = Board()
    board.update({}, {}, {"a": encoded({"run": 1})})

    assert len(list(board.news(0, "a"))) == 1
    assert list(board.news(0, None)) == list(board.news(0, "b")) == []
    board.update({}, {}, {})
    assert list(board.news(0, "a")) == []
