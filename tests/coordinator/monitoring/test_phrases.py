import pytest

from deepchord.coordinator.monitoring.phrases import clock, so_far
from deepchord.coordinator.monitoring.run_view import EnsembleSoFar, RunView
from tests.coordinator.monitoring.example_views import run_of


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


def test_the_ensemble_so_far_tells_what_its_last_member_brought():
    before = EnsembleSoFar(members=1, test_accuracy=0.9, test_loss=0.3)
    now = EnsembleSoFar(members=2, test_accuracy=0.9125, test_loss=0.2849, before=before)

    assert so_far(RunView(run=run_of(2))) == ""
    assert so_far(RunView(run=run_of(2), so_far=before)) == (
        "ensemble so far: 90.00% test accuracy, loss 0.3000 with 1 member"
    )
    assert so_far(RunView(run=run_of(2), so_far=now)) == (
        "ensemble so far: 91.25% test accuracy, loss 0.2849 with 2 members; the last: +1.25 points, -0.0151"
    )
