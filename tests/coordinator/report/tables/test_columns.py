import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, classification_report, f1_score, roc_auc_score

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.tables import columns, summary_csv, summary_json
from deepchord.coordinator.report.tables.columns import summary_rows
from deepchord.coordinator.report.tables.summary import summary
from deepchord.shared.messages import EpochMetrics, MemberRecord, TrainedMember

MakeContent = Callable[..., ReportContent]

HEADINGS = [
    "Member",
    "Test Acc",
    "Test Loss",
    "Kept Epoch",
    "Kept Val Acc",
    "Kept Val Loss",
    "Kept Train Acc",
    "Kept Train Loss",
    "Highest Val Acc",
    "Lowest Val Loss",
    "Highest Train Acc",
    "Lowest Train Loss",
    "Host",
    "Engine",
    "Device",
    "Seconds",
]

#: What is said of smaller ensembles.
SIZES = ("by_size", "by_size_held_out")


def test_columns_say_what_they_are_and_those_that_matter_most_come_first(make_content: MakeContent) -> None:
    assert [column.label for column in columns(make_content())] == HEADINGS


def test_scores_of_probabilities_follow_the_other_test_columns_where_they_were_measured(
    make_content: MakeContent,
) -> None:
    content = make_content(measured="out_of_bag")
    labels = [column.label for column in columns(content)]
    rows = summary_rows(content)

    measured_only = [
        "Test Brier Score",
        "Test Expected Calibration Error",
        "Test Balanced Accuracy",
        "Test Macro F1",
    ]
    assert labels == [*HEADINGS[:3], *measured_only, *HEADINGS[3:]]
    for row, member in zip(rows, content.evaluation.uncertainty.members, strict=False):
        assert row.test_brier_score == round(member.scores.brier_score.value, 5)
        assert row.test_expected_calibration_error == round(member.scores.expected_calibration_error.value, 5)
    errors = [member.scores.expected_calibration_error.value for member in content.evaluation.uncertainty.members]
    assert rows[-1].test_expected_calibration_error == round(sum(errors) / len(errors), 5)
    bare = columns(make_content(measured="uncalibrated", records=False))
    assert [column.label for column in bare] == labels[:7]


def test_scores_in_which_every_class_counts_the_same_have_their_full_names_in_every_file(
    make_content: MakeContent,
) -> None:
    content = make_content(measured="out_of_bag", classes=2, test_labels=np.repeat([0, 1], [180, 20]))
    predicted = content.probabilities.test.argmax(axis=1)

    first, *_ = csv.DictReader(io.StringIO(summary_csv(content)))
    ensemble = json.loads(summary_json(content))["ensemble"]

    own = content.evaluation.members[0].balanced
    assert float(first["Test Balanced Accuracy"]) == pytest.approx(own.balanced_accuracy, abs=1e-4)
    assert float(first["Test Macro F1"]) == pytest.approx(own.macro_f1, abs=1e-4)
    assert float(first["Test Area Under ROC"]) == pytest.approx(own.area_under_roc, abs=1e-4)
    labels, of_second = content.dataset.y_test, content.probabilities.test[:, 1]
    assert ensemble["test_balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, predicted), abs=1e-4)
    assert ensemble["test_macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"), abs=1e-4)
    assert ensemble["test_area_under_roc"] == pytest.approx(roc_auc_score(labels, of_second), abs=1e-4)
    told = classification_report(labels, predicted, output_dict=True)
    for index, found in enumerate(ensemble["classes"]):
        expected = told[str(index)]
        assert (found["name"], found["test_images"]) == (f"class {index}", expected["support"])
        assert [found["precision"], found["recall"], found["f1"]] == pytest.approx(
            [expected["precision"], expected["recall"], expected["f1-score"]], abs=1e-4
        )


def test_an_evaluation_of_an_earlier_version_has_the_scores_that_follow_from_its_confusion(
    make_content: MakeContent,
) -> None:
    content = make_content(classes=2)
    assert content.evaluation.balanced is None
    assert b"balanced" not in content.evaluation.encode()

    ensemble = json.loads(summary_json(content))["ensemble"]

    predicted = content.probabilities.test.argmax(axis=1)
    assert ensemble["test_balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(content.dataset.y_test, predicted), abs=1e-4
    )
    assert [column.label for column in columns(content)] == HEADINGS


def test_a_failed_member_has_no_scores_of_probabilities(make_content: MakeContent) -> None:
    rows = summary_rows(make_content(measured="calibration_images", failed=(1,)))

    assert [row.test_brier_score is None for row in rows] == [False, True, False, False]


def test_bare_weight_files_have_test_columns_only(make_content: MakeContent) -> None:
    content = make_content(records=False, members=2)

    assert [column.label for column in columns(content)] == ["Member", "Test Acc", "Test Loss"]
    assert [row.member for row in summary_rows(content)] == ["best_weights_0.hdf5", "best_weights_1.hdf5", "Average"]
    assert summary_rows(content)[0].lowest_train_loss is None


def test_member_row_tells_the_kept_epoch_from_the_best_of_all_epochs(make_content: MakeContent) -> None:
    content = make_content(members=3, epochs=7)
    for index, row in enumerate(summary_rows(content)[:-1]):
        member = content.records[index].member
        assert isinstance(member, TrainedMember)
        accuracies = [epoch.validation_accuracy for epoch in member.history]
        own = content.evaluation.members[index].test
        kept = member.history[accuracies.index(max(accuracies))]
        assert row.kept_epoch == accuracies.index(max(accuracies)) + 1
        assert row.kept_train_loss == float(f"{kept.train_loss:.5f}")
        assert row.kept_train_accuracy == float(f"{kept.train_accuracy:.4f}")
        assert row.kept_validation_loss == float(f"{kept.validation_loss:.5f}")
        assert row.kept_validation_accuracy == float(f"{kept.validation_accuracy:.4f}")
        assert row.lowest_train_loss == float(f"{min(epoch.train_loss for epoch in member.history):.5f}")
        assert row.lowest_validation_loss == float(f"{min(epoch.validation_loss for epoch in member.history):.5f}")
        assert row.test_loss == float(f"{own.loss:.5f}")
        assert row.highest_train_accuracy == float(f"{max(epoch.train_accuracy for epoch in member.history):.4f}")
        assert row.highest_validation_accuracy == float(f"{max(accuracies):.4f}")
        assert row.test_accuracy == float(f"{own.accuracy:.4f}")
        assert (row.host, row.engine, row.device) == ("host-0", "tensorflow", "cpu:0")
        assert row.seconds == pytest.approx(611.3 + index)


def test_no_column_mixes_epochs_though_the_last_one_is_overfitted(make_content: MakeContent) -> None:
    content = make_content(members=1, epochs=3)
    member = content.records[0].member
    assert isinstance(member, TrainedMember)
    numbers = [(0.9, 0.70, 1.0, 0.60), (0.5, 0.80, 0.8, 0.70), (0.0, 1.00, 0.7, 0.65)]
    history = tuple(
        EpochMetrics(
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            duration_s=1.0,
        )
        for train_loss, train_accuracy, validation_loss, validation_accuracy in numbers
    )
    overfitted = member.model_copy(update={"history": history, "best_epoch": 2})
    content = replace(content, records={0: MemberRecord(member=overfitted)})

    (line, _) = csv.DictReader(io.StringIO(summary_csv(content)))

    kept = {name: line[f"Kept {name}"] for name in ("Epoch", "Train Loss", "Train Acc", "Val Loss", "Val Acc")}
    assert kept == {
        "Epoch": "2",
        "Train Loss": "0.50000",
        "Train Acc": "0.8000",
        "Val Loss": "0.80000",
        "Val Acc": "0.7000",
    }
    assert (line["Lowest Train Loss"], line["Highest Train Acc"]) == ("0.00000", "1.0000")
    assert (line["Lowest Val Loss"], line["Highest Val Acc"]) == ("0.70000", "0.7000")


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
    assert lines[1][11] == f"{rows[0].lowest_train_loss:.5f}"
    assert lines[1][1] == f"{rows[0].test_accuracy:.4f}"
    assert lines[2][1:12] == [""] * 11
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
    losses = [member.test.loss for member in evaluation.members]
    assert data["ensemble"]["average_member_test_loss"] == round(sum(losses) / 3, 5)
    right = round(evaluation.test.accuracy * 200)
    assert (data["ensemble"]["test_images"], data["ensemble"]["test_images_right"]) == (200, right)


def test_json_has_all_scores_of_the_ensemble_under_their_full_names(make_content: MakeContent) -> None:
    content = make_content(measured="calibration_images")
    found = json.loads(summary_json(content))["ensemble"]["uncertainty"]
    uncertainty = content.evaluation.uncertainty

    assert set(found) == {"mean", "calibrated", "calibration", "conformal", "selective", *SIZES, "next_member"}
    error = uncertainty.calibrated.expected_calibration_error
    assert found["calibrated"]["expected_calibration_error"] == {
        name: round(getattr(error, name), 5) for name in ("value", "low", "high")
    }
    assert found["mean"]["negative_log_likelihood"]["value"] == round(content.evaluation.test.loss, 5)
    assert found["calibration"]["source"] == "calibration_images"
    assert found["conformal"][0]["coverage"] == round(uncertainty.conformal[0].coverage, 5)
    assert [each["risk"] for each in found["selective"]["abstentions"]] == [0.05, 0.02, 0.01, 0.005]


def test_json_of_a_study_has_what_it_looked_at(make_content: MakeContent) -> None:
    content = make_content(measured="calibration_images", studied=True)
    found = json.loads(summary_json(content))["ensemble"]

    best = max(each["area_under_roc"] for each in found["unseen"]["detection"])
    assert best == round(content.unseen.best.area_under_roc, 5)
    assert len(found["shifted"]) == 35
    strongest = content.shifted[4]
    assert found["shifted"][4]["calibrated"]["accuracy"] == round(strongest.calibrated.accuracy, 5)
    assert not {"unseen", "shifted"} & set(json.loads(summary_json(make_content()))["ensemble"])


def test_json_of_an_evaluation_without_calibration_leaves_it_out(make_content: MakeContent) -> None:
    found = json.loads(summary_json(make_content(measured="uncalibrated", all_equal=True)))["ensemble"]["uncertainty"]

    assert set(found) == {"mean", "conformal", "selective", *SIZES}
    assert found["conformal"] == []
    assert all("threshold" not in each for each in found["selective"]["abstentions"])
    assert "uncertainty" not in json.loads(summary_json(make_content()))["ensemble"]


def test_json_leaves_out_what_bare_weight_files_do_not_know(make_content: MakeContent) -> None:
    content = make_content(records=False)

    assert set(json.loads(summary_json(content))["members"][0]) == {"member", "status", "test_loss", "test_accuracy"}
    assert summary(content).ensemble.largest_parity is None


def test_record_that_came_too_late_for_the_evaluation_has_no_test_scores(make_content: MakeContent) -> None:
    content = make_content(members=3)
    evaluation = content.evaluation.model_copy(update={"members": content.evaluation.members[:2], "trained": 2})
    rows = summary_rows(ReportContent(**{**vars(content), "evaluation": evaluation}))

    assert rows[2].test_accuracy is None
    assert rows[2].lowest_train_loss is not None
