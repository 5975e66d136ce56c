from collections.abc import Callable
from dataclasses import replace

import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.findings import conformal_sentence, conformal_table
from deepchord.shared.messages import ConformalSets

MakeContent = Callable[..., ReportContent]


def sets(**changed: object) -> ConformalSets:
    usual = {
        "method": "lac",
        "guarantee": "marginal",
        "level": 0.95,
        "is_approximate": False,
        "thresholds": (0.7,),
        "coverage": 0.9518,
        "mean_size": 1.29,
    }
    return ConformalSets(**(usual | changed))


def with_sets(content: ReportContent, *conformal: ConformalSets) -> ReportContent:
    uncertainty = content.evaluation.uncertainty.model_copy(update={"conformal": conformal})
    return replace(content, evaluation=content.evaluation.model_copy(update={"uncertainty": uncertainty}))


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            sets(),
            "Sets that hold the right class for 95 % of images have 1.3 classes on average; covered here: 95.2 %.",
        ),
        (
            sets(is_approximate=True, mean_size=1.04, coverage=1.0),
            "Sets that hold the right class for approximately 95 % of images have 1 class on average; covered here: "
            "100.0 %.",
        ),
        (
            sets(mean_size=3.96),
            "Sets that hold the right class for 95 % of images have 4 classes on average; covered here: 95.2 %.",
        ),
        (
            sets(thresholds=(None,), mean_size=4, coverage=1),
            "Sets that hold the right class for 95 % of images have all classes: there are too few calibration images "
            "for smaller ones.",
        ),
    ],
)
def test_the_size_of_sets_is_told_in_a_sentence(make_content: MakeContent, found: ConformalSets, sentence: str) -> None:
    content = with_sets(make_content(measured="calibration_images"), sets(level=0.9), found)

    assert conformal_sentence(content).replace("\u00a0", " ") == sentence


def test_the_table_has_a_row_for_each_kind_and_a_column_for_each_probability(make_content: MakeContent) -> None:
    table = conformal_table(make_content(measured="out_of_bag"))

    assert table is not None
    assert [level.replace("\u00a0", " ") for level in table.levels] == ["90 %", "95 %", "99 %"]
    assert [(row.method, row.guarantee) for row in table.rows] == [
        ("Smallest sets (LAC)", "over all images"),
        ("Smallest sets (LAC)", "within each class"),
        ("Larger if harder (APS)", "over all images"),
        ("Larger if harder (APS)", "within each class"),
    ]
    assert table.is_approximate
    assert all([found.level for found in row.sets] == [0.9, 0.95, 0.99] for row in table.rows)


@pytest.mark.parametrize("measured", [None, "uncalibrated"])
def test_without_calibration_there_are_no_sets(make_content: MakeContent, measured: str | None) -> None:
    content = make_content(measured=measured)

    assert conformal_table(content) is None
    assert conformal_sentence(content) == ""
