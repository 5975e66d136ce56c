import io
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deepchord.coordinator.monitoring import RunView, render, show
from deepchord.coordinator.monitoring.phrases import clock
from deepchord.coordinator.monitoring.plain_view import changes
from deepchord.coordinator.monitoring.run_view import EnsembleSoFar
from deepchord.coordinator.runs import plan_member, plan_request, plan_run
from deepchord.shared.command_line import PrintableConsole
from deepchord.shared.messages import (
    DatasetInfo,
    EpochMetrics,
    FailedMember,
    MemberProgress,
    MemberRecord,
    RunFailure,
    RunSpec,
    TrainedMember,
    Trainer,
)
from deepchord.shared.network import Architecture, Dense, Flatten

DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(2, 2, 1), class_names=("0", "1", "2"), train_size=10, test_size=200
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
TRAINER = Trainer(host="a-rather-long-hostname.example", engine="tensorflow", engine_version="2", device="GPU:0")
OFFLINE = "no broker answers here: this is what storage tells"
ERROR = "EngineError: The training loss became nan in epoch 1; lower the learning rate, or distrust this device."


def now() -> datetime:
    return datetime.now(UTC)


def run_of(members: int, minutes: int = 107, **options: Any) -> RunSpec:
    request = plan_request(None, {"preset": "notebook", "members": members, "seed": 1, **options})
    return plan_run(request, TINY, DATASET, max_attempts=3, now=now() - timedelta(minutes=minutes))


def epoch(accuracy: float = 0.9234) -> EpochMetrics:
    return EpochMetrics(
        train_loss=0.20714,
        train_accuracy=accuracy,
        validation_loss=1.0,
        validation_accuracy=accuracy,
        duration_s=3700.0,
    )


def trained(run: RunSpec, index: int) -> MemberRecord:
    return MemberRecord(
        member=TrainedMember(
            spec=plan_member(run.run_id, run.seed, index),
            attempt=1,
            trainer=TRAINER,
            started_at=run.created_at,
            finished_at=run.created_at + timedelta(seconds=61),
            history=(epoch(0.5), epoch(0.75), epoch(0.7)),
            best_epoch=2,
            weights_sha256="0" * 64,
            probabilities_sha256="0" * 64,
        )
    )


def failed(run: RunSpec, index: int, error: str = ERROR) -> MemberRecord:
    spec = plan_member(run.run_id, run.seed, index)
    return MemberRecord(
        member=FailedMember(spec=spec, attempt=3, trainer=TRAINER, finished_at=run.created_at, error=error)
    )


def line(index: int, **changes: Any) -> MemberProgress:
    first = {
        "index": index, "attempt": 1, "trainer": TRAINER, "phase": "training", "epochs_done": 12, "epochs": 25,
        "epoch_share": 0.5, "last": epoch(), "started_at": now(), "updated_at": now(),
    }  # fmt: skip
    return MemberProgress.model_validate(first | changes)


def busy_view(members: int, **changes: Any) -> RunView:
    """Members that are trained, failed, at work and waiting, as far as there are so many."""
    run = run_of(members)
    records = {0: trained(run, 0), 1: failed(run, 1)}
    view = {
        "records": {index: record for index, record in records.items() if index < members},
        "progress": {index: line(index) for index in (2, 3, 4) if index < members},
        "notes": {2: ERROR} if members > 2 else {},
        "so_far": EnsembleSoFar(members=1, test_accuracy=0.9123),
    }
    return RunView(run=run, **(view | changes))


def rendered(view: RunView, width: int = 120, height: int | None = None) -> list[str]:
    console = PrintableConsole(file=io.StringIO(), width=width, record=True, color_system=None)
    console.print(render(view, width, height))
    return console.export_text().splitlines()


def row_of(lines: list[str], member: int) -> str:
    (row,) = (text for text in lines if text.split()[1:2] == [str(member)])
    return row


# In place, on a terminal


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
    assert "ensemble so far: 91.23% test accuracy with 1 member" in lines
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


# In lines, where there is no terminal


def shown_in_lines(*views: RunView) -> list[str]:
    console = PrintableConsole(file=io.StringIO(), width=40)
    assert show(iter(views), console) is views[-1]
    return console.file.getvalue().splitlines()


def test_the_first_lines_tell_the_run_and_how_far_it_is():
    run = run_of(3, minutes=0)

    assert shown_in_lines(RunView(run=run)) == [
        f"run {run.run_id}: notebook on digits, 3 members, at most 25 epochs, seed 1",
        f"run {run.run_id} is waiting (0 of 3 members trained)",
    ]


def test_what_did_not_change_is_not_told_again():
    view = busy_view(5)

    assert shown_in_lines(view, view, view) == shown_in_lines(view)


def test_a_line_tells_each_epoch_once():
    run = run_of(2)
    place = "a-rather-long-ho tensorflow GPU:0"
    before = RunView(run=run, progress={0: line(0, epochs_done=0, last=None)})
    batch = RunView(run=run, progress={0: line(0, epochs_done=0, epoch_share=0.9, last=None)})
    after = RunView(run=run, progress={0: line(0, epochs_done=1, last=epoch())})

    assert list(changes(before, batch)) == []
    assert list(changes(batch, after)) == [f"member 0 epoch 1/25 loss 0.2071 val. accuracy 92.34% on {place}"]


def test_a_line_tells_the_result_of_a_member_and_what_became_of_the_ensemble():
    run = run_of(2)
    before = RunView(run=run, progress={0: line(0)})
    after = RunView(
        run=run,
        progress={0: line(0)},
        records={0: trained(run, 0), 1: failed(run, 1, "no\nmemory")},
        so_far=EnsembleSoFar(members=1, test_accuracy=0.9),
    )

    assert list(changes(before, after)) == [
        "member 0 trained in 1:01, best epoch 2 of 3, val. accuracy 75.00%",
        "member 1 failed after 3 attempts: no memory",
        "ensemble so far: 90.00% test accuracy with 1 member",
        f"run {run.run_id} is evaluating (1 of 2 members trained)",
    ]


def test_trouble_is_told_once_and_in_one_line():
    run = run_of(1)
    before, after = RunView(run=run), RunView(run=run, notes={0: "Traceback:\n  it broke [red]"})

    assert list(changes(before, after)) == ["member 0 had trouble: Traceback: it broke [red]"]
    assert list(changes(after, after)) == []
    assert shown_in_lines(after)[1] == "member 0 had trouble: Traceback: it broke [red]"


def test_a_broker_that_goes_away_is_told_once():
    run = run_of(1)
    alive, blind = RunView(run=run), RunView(run=run, live=False)

    assert list(changes(alive, blind)) == [OFFLINE]
    assert list(changes(blind, blind)) == []
    assert OFFLINE in list(changes(None, blind))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (0.4, "0:00"),
        (59.6, "1:00"),
        (61, "1:01"),
        (3599.4, "59:59"),
        (3600, "1:00:00"),
        (90061, "25:01:01"),
    ],
)
def test_durations_are_written_as_on_a_clock(seconds, text):
    assert clock(seconds) == text


def test_the_trouble_of_an_evaluation_is_told_once_and_shown_until_it_is_evaluated():
    run = run_of(2)
    before, after = RunView(run=run), RunView(run=run, evaluation_note="MemoryError: no\nroom")

    assert "the evaluation had trouble: MemoryError: no room" in list(changes(before, after))
    assert not any("the evaluation" in line for line in changes(after, after))
    assert "the evaluation had trouble: MemoryError: no room" in "\n".join(rendered(after))
