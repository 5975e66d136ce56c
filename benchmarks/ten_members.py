"""Ten members of the notebook's network, trained for one epoch on a thousand images: what prediction and serving ask.

python -m benchmarks.ten_members FOLDER
"""

import subprocess
import sys
from pathlib import Path

#: In the folder: a storage with the run, its exported file, 10,000 test images of Fashion-MNIST, and one of them.
STORAGE, MODEL, IMAGES, IMAGE = "storage", "model.onnx", "images.npy", "image.png"
_MEMBERS = 10
_TRAINED_ON, _TESTED_ON = 2000, 200


def make_ten_members(folder: Path) -> None:
    """Fill a folder; in a process of its own, so that the caller stays without a framework."""
    command = [sys.executable, "-m", "benchmarks.ten_members", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)


def main(folder: Path) -> None:
    """Train, evaluate and export."""
    import numpy as np
    from PIL import Image

    from deepchord.coordinator.runs import plan_member, prepare
    from deepchord.ensemble import Ensemble
    from deepchord.shared.datasets import Dataset, Places, find_dataset
    from deepchord.shared.settings import keras_home, load_settings
    from deepchord.worker.execution.evaluation_attempt import attempt_evaluation
    from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member
    from deepchord.worker.resources import Resources
    from deepchord.worker.training import Observer

    fashion = find_dataset("fashion", Places(keras_home=keras_home()))
    few = Dataset(
        name="few",
        x_train=fashion.x_train[:_TRAINED_ON],
        y_train=fashion.y_train[:_TRAINED_ON],
        x_test=fashion.x_test[:_TESTED_ON],
        y_test=fashion.y_test[:_TESTED_ON],
        class_names=fashion.class_names,
    )
    options = {"preset": "notebook", "members": _MEMBERS, "epochs": 1, "calibration_fraction": 0.5, "seed": 1}
    places = {"storage": str(folder / STORAGE), "cache": folder / "cache"}
    store, run = prepare(load_settings(**places), None, options, few)
    store.create_run(run)
    # Nobody answers at this broker: progress is shown nowhere.
    resources = Resources(load_settings(**places, engine="tensorflow", threads=1, broker="redis://127.0.0.1:1/0"))
    for index in range(_MEMBERS):
        spec = plan_member(run.run_id, run.seed, index)
        attempt_member(resources, run, spec, BegunAttempt(number=1), Observer(), lambda _: None)
    attempt_evaluation(resources, run, lambda: None)
    Ensemble.load(folder / STORAGE).to_onnx(folder / MODEL)
    np.save(folder / IMAGES, fashion.x_test)
    Image.fromarray(fashion.x_test[0, ..., 0]).save(folder / IMAGE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
