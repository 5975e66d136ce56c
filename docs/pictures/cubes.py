"""Makes the picture of docs/regression.md: trains its two ensembles, and draws what they predict.

DEEPCHORD_STORAGE=/tmp/cubes python docs/pictures/cubes.py     # workers of this machine, JAX; needs matplotlib
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

import deepchord

mpl.use("Agg")
from matplotlib import pyplot as plt

generator = np.random.default_rng(1)


def cubes(rows, noise):
    """Return x, [rows, 1], between -4 and 4, and x³ with normal noise of a standard deviation that x tells."""
    x = generator.uniform(-4, 4, (rows, 1))
    return x, x[:, 0] ** 3 + generator.normal(0, 1, rows) * noise(x[:, 0])


def same(x):
    """Return the noise of the paper's figure."""
    return np.full(len(x), 3.0)


def growing(x):
    """Return noise that grows with the distance from 0."""
    return 1 + 4 * np.abs(x)


options = {
    "task": "regression",
    "members": 5,
    "layers": [
        {"type": "dense", "units": 100, "activation": "relu"},
        {"type": "dense", "units": "outputs", "activation": "linear"},
    ],
    "learning_rate": 0.01,
    "seed": 1,
    "engine": "jax",
    "workers": 1,
    "keep_workers": 60.0,
}
few_rows, few_test = cubes(20, same), cubes(200, same)
few = deepchord.train(
    *few_rows,
    test=few_test,
    epochs=200,
    patience=200,
    batch_size=4,
    schedule="constant",
    validation_fraction=0.1,
    **options,
).watch()
many_rows, many_test = cubes(1000, growing), cubes(1000, growing)
many = deepchord.train(*many_rows, test=many_test, epochs=30, **options).watch()

figure, axes = plt.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
grid = np.linspace(-6, 6, 121)
for axis, run, (x, y), title in (
    (axes[0], few, few_rows, "20 rows, noise of 3"),
    (axes[1], many, many_rows, "1,000 rows, noise of 1 + 4 |x|"),
):
    found = run.ensemble.predict(grid[:, None])
    mean, total, noise = (
        array[:, 0] for array in (found.mean, found.standard_deviation, found.aleatoric_standard_deviation)
    )
    axis.fill_between(grid, mean - 3 * total, mean + 3 * total, color="#cfe5e1", label="3 standard deviations")
    axis.fill_between(grid, mean - 3 * noise, mean + 3 * noise, color="#8fc4bb", label="of them noise in the data")
    axis.plot(grid, grid**3, color="#b13d0b", linestyle="--", linewidth=1.2, label="x³")
    axis.plot(grid, mean, color="#0b6e63", linewidth=1.5, label="mean of the ensemble")
    axis.scatter(x[:, 0], y, s=12 if len(x) < 100 else 3, color="#1c1b19", zorder=3, label="training rows")
    axis.set(title=title, xlabel="x", ylim=(-220, 220), xlim=(-6, 6))
axes[0].legend(loc="upper left", frameon=False, fontsize=8)
figure.savefig(Path(__file__).with_name("cubes.png"), dpi=90)
