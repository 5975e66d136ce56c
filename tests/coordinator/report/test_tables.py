import csv
import io
import json
from collections.abc import Callable

import pytest

from coordinator.report import ReportContent, summary_rows
from coordinator.report.summary import summary, summary_csv, summary_json
from coordinator.report.tables import columns
from shared.messages import TrainedMember

MakeContent = Callable[..., ReportContent]

HEADINGS = [
    "Member",
    "Epoch",
    "Train Loss",
    "Val Loss",
    "Test Loss",
    "Train Acc",
    "Val Acc",
    "Test Acc",
    "Host",
    "Engine",
    "Device",
    "Seconds",
]


def test_columns_are_those_of_the_notebook_plus_where_and_how_long(make_content: MakeContent) -> None:
    assert [column.label for column in columns(make_content())] == HEADINGS


def test_bare_weight_files_have_test_columns_only(make_content: MakeContent) -> None:
    content = make_content(records=False, members=2)

    assert [column.label for column in columns(content)] == ["Member", "Test Loss", "Test Acc"]
    assert [row.member for row in summary_rows(content)] == ["best_weights_0.hdf5", "best_weights_1.hdf5", "Average"]
    assert summary_rows(content)[0].train_loss is None


def test_member_row_holds_the_best_of_each_column_rounded(make_content: MakeContent) -> None:
    content = make_content(members=3, epochs=7)
    for index, row in enumerate(summary_rows(content)[:-1]):
        member = content.records[index].member
        assert isinstance(member, TrainedMember)
        accuracies = [epoch.validation_accuracy for epoch in member.history]
        own = content.evaluation.members[index].test
        assert row.epoch == accuracies.index(max(accuracies)) + 1
        assert row.train_loss == float(f"{min(epoch.train_loss for epoch in member.history):.5f}")
        assert row.validation_loss == float(f"{min(epoch.validation_loss for epoch in member.history):.5f}")
        assert row.test_loss == float(f"{own.loss:.5f}")
        assert row.train_accuracy == float(f"{max(epoch.train_accuracy for epoch in member.history):.4f}")
        assert row.validation_accuracy == float(f"{max(accuracies):.4f}")
        assert row.test_accuracy == float(f"{own.accuracy:.4f}")
        assert (row.host, row.engine, row.device) == ("host-0", "tensorflow", "cpu:0")
        assert row.seconds == pytest.approx(611.3 + index)


def test_average_is_taken_before_rounding(make_content: MakeContent) -> None:
    content = make_content(members=7)
    average = summary_rows(content)[-1]
    losses = [member.test.loss for member in content.evaluation.members]

    assert average.member == "Average"
    assert average.test_loss == round(sum(losses) / len(losses), 5)
    assert average.test_accuracy == round(content.evaluation.mean_member_accuracy, 4)
    assert average.seconds == pytest.approx(614.3)
    assert average.host is None


def test_failed_member_has_a_row_and_no_part_in_the_average(make_content: MakeContent) -> None:
    content = make_content(members=3, failed=(1,), error="Out of memory.")
    rows = summary_rows(content)

    assert [row.status for row in rows] == ["trained", "failed", "trained", "average"]
    assert (rows[1].error, rows[1].test_accuracy, rows[1].host) == ("Out of memory.", None, "host-0")
    both = [content.member_evaluations[index].test.accuracy for index in (0, 2)]
    assert rows[-1].test_accuracy == round(sum(both) / 2, 4)


def test_csv_says_what_the_rows_say_with_all_digits_kept(make_content: MakeContent) -> None:
    content = make_content(members=3, failed=(1,), error='Two\nlines, "quoted".')
    lines = list(csv.reader(io.StringIO(summary_csv(content))))
    rows = summary_rows(content)

    assert lines[0] == [*HEADINGS, "Status", "Error"]
    assert lines[1][2] == f"{rows[0].train_loss:.5f}"
    assert lines[1][7] == f"{rows[0].test_accuracy:.4f}"
    assert lines[2][1:8] == [""] * 7
    assert lines[2][-2:] == ["failed", 'Two\nlines, "quoted".']
    assert lines[-1][0] == "Average"


def test_json_holds_members_average_and_ensemble(make_content: MakeContent) -> None:
    content = make_content(members=3)
    data = json.loads(summary_json(content))
    evaluation = content.evaluation

    assert [member["member"] for member in data["members"]] == ["0", "1", "2"]
    assert data["average"]["test_accuracy"] == round(evaluation.mean_member_accuracy, 4)
    assert data["ensemble"]["test_accuracy"] == round(evaluation.test.accuracy, 4)
    assert data["ensemble"]["train_accuracy"] == 0.9612
    gain = evaluation.test.accuracy - max(member.test.accuracy for member in evaluation.members)
    assert data["ensemble"]["gain_over_best"] == round(gain, 4)
    assert data["ensemble"]["largest_parity"] == 3e-7


def test_json_leaves_out_what_bare_weight_files_do_not_know(make_content: MakeContent) -> None:
    content = make_content(records=False)

    assert set(json.loads(summary_json(content))["members"][0]) == {"member", "status", "test_loss", "test_accuracy"}
    assert summary(content).ensemble.largest_parity is None


def test_record_that_came_too_late_for_the_evaluation_has_no_test_scores(make_content: MakeContent) -> None:
    content = make_content(members=3)
    evaluation = content.evaluation.model_copy(update={"members": content.evaluation.members[:2], "trained": 2})
    rows = summary_rows(ReportContent(**{**vars(content), "evaluation": evaluation}))

    assert rows[2].test_accuracy is None
    assert rows[2].train_loss is not None
