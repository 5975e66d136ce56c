"""The recipes that come with deepchord."""

import math
from collections.abc import Mapping
from typing import Any

from deepchord.shared.network import Task

#: The preset for tables, and the usual one for them.
TABULAR = "tabular"
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
    # Handwritten digits, MNIST: the notebook's network with augmentation; docs/recipes.md tells what is known of it.
    "digits": {
        "dataset": "digits",
        "members": 10,
        "epochs": 16,
        "batch_size": 128,
        "optimizer": "nadam",
        "learning_rate": 0.003,
        "schedule": "one_cycle",
        "precision": "bfloat16",
        "dropout_scale": 0.6,
        "label_smoothing": 0.1,
        "shift": 2,
        "rotation": 10.0,
        "zoom": 0.1,
        "validation_fraction": 0.02,
        "calibration_fraction": 0.05,
        "patience": 16,
    },
    # Small colour photographs, CIFAR-10; docs/recipes.md tells what is known of it.
    "cifar10": {
        "dataset": "cifar10",
        "members": 5,
        "epochs": 20,
        "batch_size": 128,
        "optimizer": "sgd",
        "momentum": 0.9,
        "nesterov": True,
        "learning_rate": 0.1,
        "schedule": "one_cycle",
        "precision": "bfloat16",
        "weight_decay": 0.0005,
        "label_smoothing": 0.1,
        "flip": True,
        "shift": 4,
        "cutout": 8,
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
    # For tables, whatever their size: see `preset_values`. docs/tables.md tells how it was chosen.
    TABULAR: {
        "members": 8,
        "epochs": 30,
        "batch_size": 128,
        "optimizer": "adam",
        "learning_rate": 0.003,
        "schedule": "one_cycle",
        "weight_decay": 0.02,
        "validation_fraction": 0.2,
        "patience": 50,
    },
}
#: A member takes about so many steps, whatever the number of rows, and goes over all of them at least so often.
_STEPS, _MIN_EPOCHS, _MAX_EPOCHS = 500, 12, 50
#: Rows per step: so many steps an epoch, within these limits.
_STEPS_PER_EPOCH, _MIN_BATCH, _MAX_BATCH = 16, 16, 256


def preset_values(
    preset: str, table_rows: int | None = None, task: Task | None = None, *, is_unread: bool = False
) -> Mapping[str, Any]:
    """Return the values of a preset; those of `tabular` suit the number of rows.

    Few rows are taken in small batches, many times: a member learns by its steps, not by its epochs.

    Args:
        preset: Its name, one of `PRESETS`.
        table_rows: How many training rows there are; None: they are images, or not read yet.
        task: What is predicted; None: that is not known.
        is_unread: Whether they are rows that are not read yet: the epochs are then the most that rows may have, so that
            nothing is refused which suits their number.
    """
    values = PRESETS[preset]
    if task not in (None, "classification"):
        values = {name: value for name, value in values.items() if name != "label_smoothing"}
    if preset != TABULAR:
        return values
    if table_rows is None:
        return {**values, "epochs": _MAX_EPOCHS} if is_unread else values
    trained_on = max(1, math.floor(table_rows * (1 - values["validation_fraction"])))
    wanted = min(_MAX_BATCH, max(_MIN_BATCH, trained_on / _STEPS_PER_EPOCH))
    steps = max(1, round(trained_on / wanted))
    # All batches are about as large: batch normalization learns little of a last one with two rows.
    return {
        **values,
        "batch_size": math.ceil(trained_on / steps),
        "epochs": min(_MAX_EPOCHS, max(_MIN_EPOCHS, math.ceil(_STEPS / steps))),
    }
