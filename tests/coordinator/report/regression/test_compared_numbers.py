"""Runs that predict numbers, side by side."""

from deepchord.coordinator.report import ComparedRun, compare


def test_runs_that_predict_numbers_have_their_own_scores(make_numbers):
    content = make_numbers()
    run = ComparedRun(run=content.spec, evaluation=content.evaluation, seconds=6.0, trained=3)
    other = ComparedRun(run=content.spec, evaluation=None, seconds=0.0, trained=0)

    comparison = compare([run, other])

    first = content.evaluation.test[0]
    assert comparison.scores["test RMSE"] == (first.root_mean_squared_error, None)
    assert comparison.scores["test CRPS"] == (first.continuous_ranked_probability_score, None)
    assert "test accuracy" not in comparison.scores
    assert comparison.seconds["training of a member"] == (2.0, None)
    assert comparison.differences == {}
