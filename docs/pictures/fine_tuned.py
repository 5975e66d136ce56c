"""Makes the picture of docs/fine_tuning.md: its example with a small network, which takes two minutes.

KERAS_BACKEND=jax python docs/pictures/fine_tuned.py     # in an empty folder; workers of this machine; needs matplotlib
"""

from pathlib import Path

import keras
import matplotlib as mpl
import numpy as np

import deepchord

mpl.use("Agg")
from matplotlib import pyplot as plt

(x, y), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
first, test = y < 5, y_test >= 5
base = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
        keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
        keras.layers.Conv2D(64, 3, activation="relu"),
    ],
    name="base",
)
inputs = keras.Input((28, 28, 1))
values = keras.layers.Flatten()(base(keras.layers.Rescaling(1 / 255)(inputs)))
model = keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(values))
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x[first][..., None], y[first], batch_size=128, epochs=3, verbose=0)
base.trainable = False
model.save("pretrained.keras")
few = np.concatenate([np.flatnonzero(y == label)[:40] for label in range(5, 10)])
names = ["sandal", "shirt", "sneaker", "bag", "ankle boot"]
images, labels = x_test[test], y_test[test] - 5
np.savez("few.npz", x_train=x[few], y_train=y[few] - 5, x_test=images, y_test=labels, class_names=np.array(names))

options = {"dataset": "few.npz", "members": 5, "epochs": 30, "batch_size": 32, "seed": 1, "workers": 1}
tuned = deepchord.train(initial_weights="pretrained.keras", new_head=True, keep_workers=60.0, **options).watch()
drawn = deepchord.train(architecture="pretrained.keras", **options).watch()

figure, (answered, by_class) = plt.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
for place, (run, called, colour) in enumerate(
    ((tuned, "from the weights of the file", "#0b6e63"), (drawn, "from random weights", "#b13d0b"))
):
    found = run.ensemble.predict(images)
    right = found.labels == labels
    said = f"{called}: {right.mean():.1%} of all"
    surest_first = right[np.argsort(-found.confidence, kind="stable")]
    share = np.arange(1, len(right) + 1) / len(right)
    answered.plot(100 * share, 100 * np.cumsum(surest_first) / np.arange(1, len(right) + 1), color=colour, label=said)
    shares = [100 * right[labels == label].mean() for label in range(len(names))]
    by_class.barh(np.arange(len(names)) + 0.2 - 0.4 * place, shares, height=0.36, color=colour)
answered.set(
    title="Of the images that it is surest of", xlabel="share that is answered, %", ylabel="right, %", ylim=(85, 100.5)
)
answered.legend(loc="lower left", frameon=False, fontsize=8)
by_class.set(title="Of each class", xlabel="right, %", xlim=(0, 102), yticks=range(len(names)), yticklabels=names)
by_class.invert_yaxis()
figure.savefig(Path(__file__).with_name("fine_tuned.png"), dpi=90)
