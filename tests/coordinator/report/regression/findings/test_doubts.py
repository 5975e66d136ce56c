from dataclasses import replace

from deepchord.coordinator.report.regression.findings import doubts
from deepchord.shared.datasets import OVERLAP
from deepchord.shared.messages import DatasetFinding


def with_r_squared(content, value):
    test = content.evaluation.test[0].model_copy(update={"r_squared": value})
    return replace(content, evaluation=content.evaluation.model_copy(update={"test": (test,)}))


def test_a_good_result_is_not_doubted(make_numbers):
    assert doubts(make_numbers(noise=0.2)) == ()


def test_an_ensemble_no_better_than_the_mean_is_told_with_likely_causes(make_numbers):
    said = doubts(with_r_squared(make_numbers(noise=0.2), 0.0))

    assert said[0].startswith("The ensemble predicts rent no better than the mean")
    assert said[1].startswith("Likely causes: columns that tell nothing of the number")


def test_members_no_better_than_the_mean_are_named(make_numbers):
    content = make_numbers(noise=0.2)
    first, *others = content.evaluation.members
    poor = first.model_copy(update={"test": (first.test[0].model_copy(update={"r_squared": -0.5}),)})
    evaluation = content.evaluation.model_copy(update={"members": (poor, *others)})

    assert doubts(replace(content, evaluation=evaluation))[0] == "Member 0 predicts rent no better than the mean."


def test_equal_test_numbers_are_said_to_tell_nothing(make_numbers):
    content = with_r_squared(make_numbers(noise=0.2), None)

    assert "have the same rent" in doubts(content)[0]


def test_few_test_rows_and_leaks_are_told(make_numbers):
    content = make_numbers(test_rows=12, noise=0.2)
    leak = DatasetFinding(kind=OVERLAP, level="warning", text="3 test rows are training rows.")

    said = doubts(replace(content, dataset=replace(content.dataset, findings=(leak,))))

    assert said[0] == "3 test rows are training rows."
    assert said[-1].startswith("There are only 12\u00a0test images")
