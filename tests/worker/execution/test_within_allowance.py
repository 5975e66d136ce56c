import pytest

from deepchord.shared.errors import InputError
from deepchord.worker.allowance import Allowance
from deepchord.worker.execution.outcomes import Completed, DeferToOthers, Outcome, Refused, Requeue, Resend
from deepchord.worker.execution.within_allowance import within_allowance
from deepchord.worker.resources import Resources


@pytest.mark.parametrize(
    ("outcome", "left"),
    [
        (Completed(status="trained"), 0),
        (Completed(status="failed"), 0),
        (Completed(status=None), 1),
        (Requeue(), 1),
        (Resend(after_s=2.0), 1),
        (Refused(error=InputError("it does not fit")), 1),
    ],
)
def test_only_a_member_that_has_ended_counts(settings, tmp_path, outcome: Outcome, left: int):
    resources, folder = Resources(settings), tmp_path / "allowance"
    folder.mkdir()
    resources.allowance = Allowance.create(folder, 1)

    assert within_allowance(resources, lambda: outcome) == outcome
    assert resources.allowance.left() == left

    again = within_allowance(resources, Requeue)
    assert isinstance(again, Requeue if left else DeferToOthers)
    assert resources.allowance.has_refused(resources.worker_id) is (not left)


def test_without_an_allowance_every_member_is_trained(settings):
    resources = Resources(settings)
    assert resources.allowance is None

    assert [within_allowance(resources, Requeue) for _ in range(3)] == [Requeue()] * 3
