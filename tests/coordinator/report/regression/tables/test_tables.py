import csv
import io
import json

import pytest
from rich.console import Console

from deepchord.coordinator.report.regression.tables import summary_csv, summary_json, summary_rows, summary_table


def shown(content, width=100):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(summary_table(content, width))
    return console.file.getvalue()


def test_the_terminal_shows_members_average_and_ensemble_for_each_number(make_numbers):
    content = make_numbers(targets=("rent", "heating"), failed=(2,))

    lines = shown(content).splitlines()

    heads = [line.split()[0] for line in lines if line and not line.startswith((" ", "─"))]
    for_each = ["0", "1", "2", "3", "Average", "Ensemble", "Ensemble,"]
    assert heads[1 + heads.index("Member") :][:7] == for_each
    assert [head for head in heads if head in for_each] == [*for_each * 2, "Ensemble"]
    assert any("2" in line and "failed" in line for line in lines)
    assert sum("Trained on" in line for line in lines) == 1
    assert any(line.startswith("Member 2 failed in attempt 3") for line in lines)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_fits_the_terminal_and_keeps_the_error(make_numbers, width):
    text = shown(make_numbers(hosts=3), width)

    assert all(len(line) <= width for line in text.splitlines())
    assert "RMSE" in text


def test_the_lines_below_tell_gain_interval_and_scaling(make_numbers):
    text = " ".join(shown(make_numbers()).split())

    assert "Ensemble of 4 (of 4 requested): rent: test RMSE" in text
    assert "for the average member" in text
    assert "90 % interval (conformal): ±" in text
    assert "The predicted variance is multiplied by" in text
    assert "image" not in text


def test_the_csv_has_a_line_for_each_number_and_member(make_numbers):
    content = make_numbers(targets=("rent", "heating"), failed=(1,))

    lines = list(csv.DictReader(io.StringIO(summary_csv(content))))

    assert [line["Target"] for line in lines] == ["rent"] * 7 + ["heating"] * 7
    assert [line["Status"] for line in lines[:7]] == [
        "trained",
        "failed",
        "trained",
        "trained",
        "average",
        "ensemble",
        "scaled",
    ]
    test = content.evaluation.test[1].root_mean_squared_error
    assert float(lines[12]["Test RMSE"]) == pytest.approx(test, rel=1e-5)
    assert lines[1]["Error"] == "The loss became NaN in epoch 2."


def test_the_json_has_all_numbers_under_their_full_names(make_numbers):
    content = make_numbers()

    found = json.loads(summary_json(content))

    assert found["task"] == "regression"
    (target,) = found["ensemble"]["targets"]
    scores = content.evaluation.test[0]
    for field in type(scores).model_fields:
        assert target["test"][field] == pytest.approx(getattr(scores, field), rel=1e-5)
    assert found["ensemble"]["scaling"]["source"] == "out_of_bag"
    assert len(found["ensemble"]["intervals"]) == 12
    assert found["members"][0]["test_continuous_ranked_probability_score"] > 0
    assert found["warnings"] == []


def test_the_average_is_that_of_the_trained_members(make_numbers):
    rows = summary_rows(make_numbers(failed=(0,)))

    trained = [row for row in rows if row.status == "trained"]
    (average,) = (row for row in rows if row.status == "average")
    mean = sum(row.test_r_squared for row in trained) / 3
    assert average.test_r_squared == pytest.approx(mean)
    assert average.kept_epoch == 6
