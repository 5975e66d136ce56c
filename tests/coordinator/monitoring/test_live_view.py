"""The view of a run on a terminal."""

import io
import sys

import pytest

from deepchord.coordinator.monitoring import RunView, show
from deepchord.shared.command_line import PrintableConsole
from deepchord.shared.messages import RunFailure
from tests.coordinator.monitoring.example_views import (
    DATASET,
    ERROR,
    OFFLINE,
    TRAINER,
    busy_view,
    failed,
    line,
    now,
    rendered,
    run_of,
    shown_in_lines,
    trained,
)


def row_of(lines: list[str], member: int) -> str:
    (row,) = (text for text in lines if text.split()[1:2] == [str(member)])
    return row


@pytest.mark.parametrize("width", [40, 59, 71, 72, 80, 100, 119, 120, 200])
@pytest.mark.parametrize("members", [1, 3, 50])
@pytest.mark.parametrize("live", [True, False])
def test_the_view_fits_the_terminal_and_cuts_nothing_off(width, members, live):
    lines = rendered(busy_view(members, live=live), width)

    assert {len(text) for text in lines} == {width}
    assert "…" not in "".join(lines[:-1])


def test_a_title_that_has_no_room_is_cut_so_that_it_is_seen():
    assert rendered(busy_view(3), 40)[-1].endswith("… ─╯")


def test_a_narrow_terminal_tells_of_each_member_how_far_it_is():
    lines = rendered(busy_view(6), 40)

    assert [text.strip("│ ").split() for text in lines[3:9]] == [
        ["0", "2/3", "1:01", "✓"],
        ["1", "failed"],
        *([["2", "3", "4"][number], "12/25", "12:50:50", "left"] for number in range(3)),
        ["5", "waiting"],
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_every_member_has_one_line(width):
    lines = rendered(busy_view(5), width)

    assert "trained on" in lines[2]
    rows = [text.strip("│ ").split()[0] for text in lines[3:8]]
    assert rows == ["0", "1", "2", "3", "4"]


def test_a_line_tells_where_and_how_far_a_member_is():
    lines = rendered(busy_view(6))

    # 12.5 epochs of 25 are left, and the last one took 3700 s.
    assert "a-rather-long-ho tensorflow GPU:0" in row_of(lines, 3)
    assert "12/25  0.2071     92.34%  12:50:50 left" in row_of(lines, 3)
    # The second of three epochs was kept, and the numbers are of that one.
    assert "2/3  0.2071     75.00%         1:01 ✓" in row_of(lines, 0)
    assert row_of(lines, 1).strip("│ ").split() == ["1", "failed"]
    assert row_of(lines, 5).strip("│ ").split() == ["5", "waiting"]


@pytest.mark.parametrize(("width", "place"), [(72, "tensorflow GPU:0"), (80, "a-rather tensorflow GPU:0")])
def test_a_narrow_terminal_shows_engine_and_device_whole_and_what_fits_of_the_host(width, place):
    row = row_of(rendered(busy_view(5), width), 3)

    assert row.strip("│ ").split()[1:-5] == place.split()


@pytest.mark.parametrize("phase", ["preparing", "scoring"])
def test_a_member_without_an_epoch_shows_what_it_does(phase):
    view = RunView(run=run_of(1), progress={0: line(0, phase=phase, last=None, epochs_done=0, epoch_share=0.0)})

    row = row_of(rendered(view), 0)

    assert phase in row
    assert "0/25" in row


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs_done": 24, "epoch_share": 1.0}, "validating"),
        ({"epochs_done": 24, "epoch_share": 0.9999}, "training"),
        ({"epochs_done": 23, "epoch_share": 1.0}, "1:01:40 left"),
        ({"epochs_done": 0, "epochs": 1, "epoch_share": 1.0, "last": None}, "validating"),
    ],
)
def test_no_time_is_left_only_where_it_is_not_said_to_be(changes, said):
    row = row_of(rendered(RunView(run=run_of(1), progress={0: line(0, **changes)})), 0)

    assert row.strip("│ ").endswith(said)
    assert "0:00" not in row


def test_foreign_text_steers_no_terminal():
    trainer = TRAINER.model_copy(update={"host": "ho\x1bst", "device": "\x9b2J"})
    run = run_of(4).model_copy(update={"dataset": DATASET.model_copy(update={"name": "\x1b]0;a title\x07\n"})})
    trouble = {"notes": {2: "it \x1b[2J broke"}, "evaluation_note": "\rbroken"}
    view = RunView(run=run, progress={0: line(0, trainer=trainer)}, records={1: failed(run, 1, "\x1bc")}, **trouble)

    for lines in (rendered(view), shown_in_lines(view), rendered(view, 40)):
        assert not [text for text in lines if any(ord(character) < 32 for character in text)]
    assert {len(text) for text in rendered(view, 40)} == {40}


def test_a_member_between_two_attempts_waits_and_shows_what_is_saved():
    view = RunView(run=run_of(1), progress={0: line(0, phase="waiting", epochs_done=12, epoch_share=0.0)})

    assert row_of(rendered(view, 100), 0).strip("│ ").split() == ["0", "waiting", "12/25", "0.2071", "92.34%"]


def test_what_holds_for_all_stands_below():
    lines = "\n".join(rendered(busy_view(5)))

    assert "1 of 5 trained · training · 1:47:00" in lines
    assert "ensemble so far: 91.23% test accuracy, loss 0.2500 with 1 member" in lines
    assert "notebook on digits, 5 members, at most 25 epochs, seed 1" in lines
    assert OFFLINE not in lines


def test_one_of_each_is_not_put_into_the_plural():
    lines = "\n".join(rendered(RunView(run=run_of(1, epochs=1))))

    assert "notebook on digits, 1 member, at most 1 epoch, seed 1" in lines


def test_the_trouble_of_members_is_told_in_their_words():
    text = " ".join(" ".join(rendered(busy_view(5))).replace("│", "").split())

    assert f"member 1 failed after 3 attempts: {ERROR}" in text
    assert f"member 2 had trouble: {ERROR}" in text


def test_without_a_broker_the_view_says_that_it_is_not_live():
    assert OFFLINE in "\n".join(rendered(busy_view(5, live=False)))


def test_a_run_that_ended_needs_no_broker_and_says_why_it_failed():
    failure = RunFailure(requested=5, trained=0, reason="0 members\nwere trained", failed_at=now())

    lines = "\n".join(rendered(busy_view(5, live=False, failure=failure)))

    assert "1 of 5 trained · failed" in lines
    assert "failed: 0 members were trained" in lines
    assert OFFLINE not in lines


def test_of_many_members_those_at_work_and_their_neighbours_are_shown():
    run = run_of(50)
    records = {index: trained(run, index) for index in range(40) if index != 3}
    view = RunView(run=run, records=records, progress={3: line(3), 41: line(41)})

    shown = [text.strip("│ ").split()[0] for text in rendered(view)[3:23]]

    assert shown == [*[str(index) for index in range(19)], "41"]
    assert "and 30 more" in "\n".join(rendered(view))


def test_of_many_members_the_latest_are_shown_while_nobody_works():
    run = run_of(50)
    view = RunView(run=run, records={index: trained(run, index) for index in range(30)})

    shown = [int(text.strip("│ ").split()[0]) for text in rendered(view)[3:23]]

    assert {28, 29, 30} <= set(shown)
    assert len(shown) == 20


@pytest.mark.parametrize("height", [24, 30, 50])
@pytest.mark.parametrize("members", [10, 50, 1000])
def test_the_view_is_not_higher_than_the_terminal(height, members):
    assert len(rendered(busy_view(members, live=False), 120, height)) <= height


def test_an_error_of_many_lines_does_not_push_the_view_away():
    long = "\n".join(f"line {number}" for number in range(1000))
    view = busy_view(3, notes={2: long}, records={1: failed(run_of(3), 1, long)})

    text = " ".join(" ".join(rendered(view)).replace("│", "").split())

    assert "member 2 had trouble: line 0 line 1 line 2" in text
    assert len(rendered(view)) < 24


def test_brackets_in_an_error_are_printed_and_not_taken_for_colours():
    assert "got [red] and [/nothing]" in "\n".join(rendered(busy_view(3, notes={2: "got [red] and [/nothing]"})))


def test_a_run_that_nobody_takes_up_says_what_to_do():
    why = "no worker is connected to this broker: `deepchord worker` starts one"
    waiting, taken = RunView(run=run_of(1), stall_reason=why), RunView(run=run_of(1), progress={0: line(0)})

    for lines in (rendered(waiting), shown_in_lines(waiting, waiting)):
        assert "\n".join(lines).count("`deepchord worker` starts one") == 1
    for view in (taken, RunView(run=run_of(1, minutes=0))):
        assert "deepchord worker" not in "\n".join([*rendered(view), *shown_in_lines(view)])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(width: int = 100) -> PrintableConsole:
    return PrintableConsole(file=Terminal(), color_system=None, width=width, height=40, _environ={"TERM": "xterm"})


def test_on_a_terminal_the_view_is_renewed_in_place_and_the_last_one_is_returned():
    console, views = on_terminal(), [RunView(run=run_of(3)), busy_view(3)]

    assert show(iter(views), console) is views[1]

    assert "12/25" in console.file.getvalue()


def test_the_text_of_a_terminal_has_the_last_view_only_and_what_was_said_meanwhile(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    console, seen = on_terminal(), [RunView(run=run_of(3)), busy_view(3)]

    def views():
        yield seen[0]
        sys.stderr.write("warning: something\n")
        yield seen[1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        show(views(), console, ["Flower: http://127.0.0.1:1"])

    screen, _, text = console.file.getvalue().partition("\x1b[?1049l")
    assert screen.startswith("\x1b[?1049h")
    assert "warning: something" in screen
    assert "Flower: http://127.0.0.1:1" in screen
    assert text.splitlines() == rendered(seen[1], 100)
    assert sys.stderr.getvalue() == "warning: something\n"


def test_what_is_said_where_it_is_not_seen_beside_the_view_is_said_at_once(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    said: list[str] = []

    def views():
        sys.stderr.write("warning: something\n")
        said.append(sys.stderr.getvalue())
        yield RunView(run=run_of(3))

    show(views(), on_terminal())

    assert said == ["warning: something\n"]


@pytest.mark.parametrize(
    ("file", "environment"),
    [
        (Terminal(), {"TERM": "dumb", "FORCE_COLOR": "1"}),
        (io.StringIO(), {"TERM": "xterm", "FORCE_COLOR": "1"}),
        (Terminal(), {"TERM": "xterm", "TTY_COMPATIBLE": "0"}),
    ],
)
def test_where_nothing_can_be_renewed_in_place_there_are_lines_even_if_colours_are_forced(file, environment):
    console = PrintableConsole(file=file, color_system=None, width=100, height=40, _environ=environment)
    views = [RunView(run=run_of(3)), busy_view(3)]

    assert show(iter(views), console) is views[1]

    assert "is training (1 of 3 members trained)" in file.getvalue()
    assert "\x1b" not in file.getvalue()
