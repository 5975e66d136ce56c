"""The same members under Ray Tune and Dask; run by `orchestration`, maybe with another Python.

python orchestration_peers.py ray|ray_reusing|dask idle|tiny MEMBERS WORKERS DIGITS.NPZ
"""

import functools
import json
import os
import sys
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
# As deepchord's workers have them.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def idle(member):
    """Do nothing."""
    return {"accuracy": 0.1 + 0 * member}


def tiny(member):
    """Train a small network for two epochs, and return its validation accuracy."""
    import keras
    import numpy as np
    from sklearn.model_selection import train_test_split

    with np.load(os.environ["DIGITS"]) as arrays:
        images, labels = arrays["x"].astype("float32") / 255, arrays["y"]
    x_train, x_validation, y_train, y_validation = train_test_split(images, labels, test_size=0.2, random_state=member)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("nadam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    fitted = model.fit(
        x_train, y_train, batch_size=64, epochs=2, validation_data=(x_validation, y_validation), verbose=0
    )
    return {"accuracy": float(fitted.history["val_accuracy"][-1])}


def with_ray(work, members, workers, *, reuse=False):
    """Return seconds for so many trials of Ray Tune, and its version; it may train several in a process."""
    import ray
    from ray import tune

    ray.init(num_cpus=workers, log_to_driver=False, include_dashboard=False)

    def trial(config):
        tune.report(work(config["member"]))

    def fit(count):
        tuner = tune.Tuner(
            trial,
            param_space={"member": tune.grid_search(list(range(count)))},
            tune_config=tune.TuneConfig(reuse_actors=reuse),
            run_config=tune.RunConfig(verbose=0),
        )
        results = tuner.fit()
        if len(results) != count or results.num_errors:
            sys.exit("Not every trial has ended well.")

    fit(workers)
    started = time.monotonic()
    fit(members)
    return time.monotonic() - started, ray.__version__


def with_dask(work, members, workers):
    """Return seconds for so many tasks of Dask, and its version."""
    import distributed

    cluster = distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
    with cluster, distributed.Client(cluster) as client:
        client.gather(client.map(work, range(-2 * workers, 0) if work is idle else range(1000, 1000 + 2 * workers)))
        started = time.monotonic()
        client.gather(client.map(work, range(members)))
        return time.monotonic() - started, distributed.__version__


if __name__ == "__main__":
    tool, kind, members, workers, os.environ["DIGITS"] = sys.argv[1:6]
    run = {"ray": with_ray, "ray_reusing": functools.partial(with_ray, reuse=True), "dask": with_dask}[tool]
    seconds, version = run({"idle": idle, "tiny": tiny}[kind], int(members), int(workers))
    print("\n" + json.dumps({"seconds": seconds, "version": version}))
