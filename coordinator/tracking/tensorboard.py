"""TensorBoard: event files in a folder, one for each part of a run, which gets its name when it is complete."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboardX import FileWriter
from tensorboardX.summary import hparams, image, scalar, text

from deepchord.coordinator.tracking.tracker import ENSEMBLE, End, OpenRun
from deepchord.coordinator.tracking.values import Point
from deepchord.shared.errors import TrackerError
from deepchord.shared.messages import RunSpec

#: What the comparison of runs shows beside their parameters.
_COMPARED = ("test_accuracy", "test_loss", "test_root_mean_squared_error")


class TensorBoard:
    """A folder that TensorBoard shows: `tensorboard --logdir FOLDER`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def label(self) -> str:
        """What it is called in logs and messages."""
        return f"TensorBoard's folder {self._folder}"

    def open(self, run: RunSpec) -> OpenRun:
        """Return the folder of a run; it is created when something is written."""
        return _RunFolder(self._folder / run.run_id)


class _RunFolder:
    """The folder of a run; its groups are folders in it, so that TensorBoard draws their lines into one chart."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, group: str, part: str) -> bool:
        """Return whether the file of a part is there."""
        return any((self._folder / group).glob(f"events.out.tfevents.*.deepchord.{part}"))

    def write_parameters(self, part: str, values: Mapping[str, str | int | float | bool], at: datetime) -> None:
        """Write the parameters as text, and for the comparison of runs."""
        lines = "".join(f"|{name}|{value}|\n" for name, value in values.items())
        with self._writing(ENSEMBLE, part, at) as writer:
            writer.add_summary(text("parameters", f"|parameter|value|\n|---|---|\n{lines}"), 0, at.timestamp())
            for summary in hparams(dict(values), dict.fromkeys(_COMPARED, 0.0)):
                writer.add_summary(summary, 0, at.timestamp())

    def write_points(self, group: str, part: str, points: Sequence[Point]) -> None:
        """Write one scalar for each value."""
        with self._writing(group, part, points[0].at) as writer:
            for point in points:
                for name, value in point.values.items():
                    writer.add_summary(scalar(name, value), point.step, point.at.timestamp())

    def write_report(self, part: str, folder: Path, at: datetime) -> None:
        """Write the report's figures; the page is none of what TensorBoard shows."""
        with self._writing(ENSEMBLE, part, at) as writer:
            for path in sorted((folder / "figures").glob("*.png")):
                with Image.open(path) as picture:
                    pixels = np.asarray(picture.convert("RGB"))
                writer.add_summary(image(f"report/{path.stem}", pixels, dataformats="HWC"), 0, at.timestamp())

    def end(self, end: End, at: datetime) -> None:
        """Do nothing: TensorBoard knows of no end."""

    def close(self) -> None:
        """Do nothing: all is written."""

    @contextmanager
    def _writing(self, group: str, part: str, at: datetime) -> Iterator[FileWriter]:
        """Write an event file elsewhere, and move it to its place: others may write the same at the same time."""
        folder = self._folder / group
        # TensorBoard reads the files of a folder in the order of their names.
        target = folder / f"events.out.tfevents.{int(at.timestamp()):010d}.deepchord.{part}"
        try:
            with tempfile.TemporaryDirectory(prefix="deepchord-events-") as elsewhere:
                writer = FileWriter(elsewhere)
                try:
                    yield writer
                finally:
                    writer.close()
                (written,) = Path(elsewhere).iterdir()
                folder.mkdir(parents=True, exist_ok=True)
                # A name without `tfevents`: TensorBoard does not read it.
                aside = folder / f".{part}-{os.getpid()}.part"
                aside.write_bytes(written.read_bytes())
                aside.replace(target)
        except OSError as error:
            raise TrackerError(f"{target} cannot be written: {error.strerror or error}.") from error
