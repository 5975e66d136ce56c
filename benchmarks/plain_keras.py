"""The notebook's way: members one after another in one plain Keras process; `overhead` and `to_accuracy` time it."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from sklearn.model_selection import train_test_split

#: As large as deepchord's: an advantage over the notebook, which predicted in Keras's batches of 32.
_PREDICTION_BATCH = 1000


def network() -> keras.Model:
    """Return the notebook's network, compiled."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax", dtype="float32"),
        ]
    )
    model.compile(keras.optimizers.Nadam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train_serially(data: dict[str, np.ndarray], members: int, epochs: int, folder: Path) -> float:
    """Train the members, average their softmax outputs on all images, and return the test accuracy."""
    for member in range(members):
        x_train, x_validation, y_train, y_validation = train_test_split(
            data["x_train"], data["y_train"], test_size=0.2, random_state=member
        )
        model = network()
        best = keras.callbacks.ModelCheckpoint(
            str(folder / f"best_{member}.weights.h5"),
            monitor="val_accuracy",
            save_best_only=True,
            save_weights_only=True,
        )
        model.fit(
            x_train,
            y_train,
            batch_size=128,
            epochs=epochs,
            validation_data=(x_validation, y_validation),
            validation_batch_size=_PREDICTION_BATCH,
            callbacks=[best, keras.callbacks.EarlyStopping("val_loss", patience=10)],
            verbose=0,
        )
        model.load_weights(folder / f"best_{member}.weights.h5")
        model.evaluate(data["x_test"], data["y_test"], batch_size=_PREDICTION_BATCH, verbose=0)
    model = network()
    sums = {part: np.zeros((len(data[part]), 10)) for part in ("x_train", "x_test")}
    for member in range(members):
        model.load_weights(folder / f"best_{member}.weights.h5")
        for part, total in sums.items():
            total += model.predict(data[part], batch_size=_PREDICTION_BATCH, verbose=0)
    return float((sums["x_test"].argmax(axis=1) == data["y_test"]).mean())


def main() -> None:
    """Load the data set, say `ready`, wait for a line, train, and print seconds and accuracy as JSON."""
    path, members, epochs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    with np.load(path) as arrays:
        data = {name: arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    for part in ("x_train", "x_test"):
        data[part] = data[part].astype(np.float32).reshape(len(data[part]), 28, 28, 1) / np.float32(255)
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        accuracy = train_serially(data, members, epochs, Path(folder))
    print(json.dumps({"seconds": time.monotonic() - started, "test_accuracy": accuracy}), flush=True)


if __name__ == "__main__":
    main()
