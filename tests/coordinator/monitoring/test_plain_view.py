"""The view of a run in plain lines."""

from deepchord.coordinator.monitoring import RunView
from deepchord.coordinator.monitoring.plain_view import changes
from deepchord.coordinator.monitoring.run_view import EnsembleSoFar
from tests.coordinator.monitoring.example_views import (
    OFFLINE,
    busy_view,
    epoch,
    failed,
    line,
    rendered,
    run_of,
    shown_in_lines,
    trained,
)


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
        so_far=EnsembleSoFar(members=1, test_accuracy=0.9, test_loss=0.31),
    )

    assert list(changes(before, after)) == [
        "member 0 trained in 1:01, best epoch 2 of 3, val. accuracy 75.00%",
        "member 1 failed after 3 attempts: no memory",
        "ensemble so far: 90.00% test accuracy, loss 0.3100 with 1 member",
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
    alive, offline = RunView(run=run), RunView(run=run, live=False)

    assert list(changes(alive, offline)) == [OFFLINE]
    assert list(changes(offline, offline)) == []
    assert OFFLINE in list(changes(None, offline))


def test_the_trouble_of_an_evaluation_is_told_once_and_shown_until_it_is_evaluated():
    run = run_of(2)
    before, after = RunView(run=run), RunView(run=run, evaluation_note="MemoryError: no\nroom")

    assert "the evaluation had trouble: MemoryError: no room" in list(changes(before, after))
    assert not any("the evaluation" in line for line in changes(after, after))
    assert "the evaluation had trouble: MemoryError: no room" in "\n".join(rendered(after))
