"""Event files, read by TensorBoard's own reader."""

from pathlib import Path

import pytest

from deepchord.coordinator.cli.monitoring import track
from deepchord.coordinator.tracking import open_trackers, record_run
from deepchord.shared.errors import TrackerError

pytestmark = pytest.mark.slow


def read(folder: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0, "tensors": 0})
    reader.Reload()
    return reader


def test_tensorboard_reads_the_epochs_of_members_the_scores_and_the_figures(settings, store, finished, tmp_path):
    place = f"tensorboard:{tmp_path / 'board'}"
    track(finished.run_id, [place], storage=settings.storage)
    files = {path: path.read_bytes() for path in (tmp_path / "board").rglob("*") if path.is_file()}
    track(finished.run_id, [place], storage=settings.storage)

    assert {path: path.read_bytes() for path in (tmp_path / "board").rglob("*") if path.is_file()} == files
    folder = tmp_path / "board" / finished.run_id
    for index in range(2):
        member = store.member(finished.run_id, index).record().member
        epochs = read(folder / f"member-{index:03d}")
        for name in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy", "duration_s"):
            assert [(event.step, event.value) for event in epochs.Scalars(name)] == [
                (number, pytest.approx(getattr(epoch, name))) for number, epoch in enumerate(member.history, 1)
            ]
        assert epochs.Scalars("train_loss")[-1].wall_time == member.finished_at.timestamp()
    ensemble, evaluation = read(folder / "ensemble"), store.evaluation(finished).result()
    (score,) = ensemble.Scalars("test_accuracy")
    assert (score.step, score.value) == (2, pytest.approx(evaluation.test.accuracy))
    assert "report/training_curves" in ensemble.Tags()["images"]
    parameters = ensemble.Tensors("parameters/text_summary")[0].tensor_proto.string_val[0].decode()
    assert f"|learning_rate|{finished.recipe.learning_rate}|" in parameters


def test_a_folder_that_cannot_be_written_is_a_sentence(settings, store, finished, tmp_path):
    (tmp_path / "file").write_text("no folder")
    (tracker,) = open_trackers([f"tensorboard:{tmp_path / 'file'}"], store)

    with pytest.raises(TrackerError, match=r"cannot be written: Not a directory\.$"):
        record_run(settings, store, finished, tracker, with_report=False)
