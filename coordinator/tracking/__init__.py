"""Records runs in trackers of experiments, MLflow, TensorBoard and Trackio, by whoever looks after a run.

`mlflow`, `tensorboard` and `trackio` need packages that may be missing, so they are imported from their files.
"""

from deepchord.coordinator.tracking.addresses import open_trackers
from deepchord.coordinator.tracking.recorder import Recorder
from deepchord.coordinator.tracking.recording import record_run
from deepchord.coordinator.tracking.tracker import Tracker

__all__ = ["Recorder", "Tracker", "open_trackers", "record_run"]
