"""The recipes that come with deepchord."""

from collections.abc import Mapping
from typing import Any

#: The presets; a recipe file and options override their values.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    # The values of the notebook; the learning rate is the default of Nadam in Keras 2.2.4.
    "notebook": {
        "members": 10,
        "epochs": 25,
        "batch_size": 128,
        "optimizer": "nadam",
        "learning_rate": 0.002,
        "validation_fraction": 0.2,
        "splits": "random",
        "patience": 10,
    },
    # About the accuracy of the notebook in a fraction of its time; docs/performance.md describes how it was chosen.
    "fast": {
        "members": 8,
        "epochs": 8,
        "batch_size": 128,
        "optimizer": "nadam",
        "learning_rate": 0.003,
        "schedule": "one_cycle",
        "precision": "bfloat16",
        "dropout_scale": 0.6,
        "label_smoothing": 0.1,
        "validation_fraction": 0.05,
        # All members predict these images: the ensemble itself is calibrated, and conformal sets have their guarantee.
        "calibration_fraction": 0.05,
        "patience": 8,
    },
    # For accuracy: ten networks of half a million parameters take three hours on two cores with bfloat16.
    "best": {
        "members": 10,
        "epochs": 20,
        "batch_size": 64,
        "optimizer": "nadam",
        "learning_rate": 0.002,
        "schedule": "one_cycle",
        "precision": "bfloat16",
        "label_smoothing": 0.1,
        "flip": True,
        "shift": 2,
        "validation_fraction": 0.02,
        "calibration_fraction": 0.05,
        "patience": 20,
    },
    # Three members in a few minutes on two cores.
    "quick": {
        "members": 3,
        "epochs": 3,
        "batch_size": 128,
        "optimizer": "nadam",
        "learning_rate": 0.002,
        "validation_fraction": 0.1,
        "calibration_fraction": 0.1,
        "patience": 10,
    },
}
