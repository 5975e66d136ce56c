from collections.abc import Callable
from dataclasses import replace

import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.figures.figures import draw_training_curves
from deepchord.coordinator.report.findings import curve_panels
from deepchord.coordinator.report.page.headline import member_strip
from deepchord.shared.messages import MemberRecord, TrainedMember

MakeContent = Callable[..., ReportContent]


@pytest.mark.parametrize("accuracy", [0.0, 0.97, 1.0])
def test_no_axis_goes_beyond_what_there_can_be(make_content: MakeContent, accuracy: float) -> None:
    content = make_content(members=4, accuracy=accuracy, epochs=3)
    member = content.records[0].member
    assert isinstance(member, TrainedMember)
    numbers = {"train_loss": 0.001, "validation_loss": 0.0, "train_accuracy": 1.0, "validation_accuracy": accuracy}
    history = tuple(epoch.model_copy(update=numbers) for epoch in member.history)
    record = MemberRecord(member=member.model_copy(update={"history": history}))
    content = replace(content, records=dict.fromkeys(content.records, record))

    loss, accuracies = curve_panels(content)
    figure = draw_training_curves(content)

    shares = [float(tick.label.removesuffix("\u00a0%")) for tick in member_strip(content).ticks]
    assert shares
    assert all(0 <= share <= 100 for share in shares)
    assert all(0 <= float(tick.label) <= 1 for tick in accuracies.y_ticks)
    assert all(float(tick.label) >= 0 for tick in loss.y_ticks)
    assert figure is not None
    assert all(0 <= place <= 1 for place in figure.axes[1].get_yticks())
    assert all(place >= 0 for place in figure.axes[0].get_yticks())


@pytest.mark.parametrize("epochs", range(1, 31))
def test_the_epochs_axis_has_whole_numbers_however_long_the_longest_history_is(
    make_content: MakeContent, epochs: int
) -> None:
    (loss, _) = curve_panels(make_content(members=1, epochs=epochs, classes=2, test_size=20))

    labels = [tick.label for tick in loss.x_ticks]
    assert 2 <= len(labels) <= 8
    assert all(label.isdecimal() and 1 <= int(label) <= max(2, epochs) for label in labels)


def test_long_histories_are_thinned_out_but_end_where_they_end(make_content: MakeContent) -> None:
    (loss, _) = curve_panels(make_content(members=20, epochs=1200, classes=2, test_size=20))
    (member, *_) = loss.members

    assert member.train.count("L") <= 500
    assert "L100.00 " in member.train
