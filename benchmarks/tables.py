"""Tables against gradient-boosted trees: the preset `tabular` and scikit-learn's HistGradientBoostingClassifier.

Both get the same rows of scikit-learn's own data sets, which need no download, split several times; both as they come,
without a search. Neither was chosen on these data: docs/tables.md says on which the preset was.

    python -m benchmarks.tables [--splits 3] [--engine jax] [--json FILE]
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

import deepchord
from benchmarks.machine import describe
from deepchord.shared.host import ENGINES
from deepchord.shared.uncertainty import accuracy, expected_calibration_error, negative_log_likelihood

_DATASETS: dict[str, Callable[..., Any]] = {
    "iris": load_iris,
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
    "digits": load_digits,
}
_TEST_SHARE = 0.25
_SCORES = (accuracy, negative_log_likelihood, expected_calibration_error)
#: Workers stay between trainings, so that the seconds are those of the trainings.
_KEEP_WORKERS_S = 120.0


def main() -> None:
    """Train, score and print."""
    arguments = _arguments()
    rows = []
    for name in arguments.dataset or _DATASETS:
        found = [_split(name, seed, arguments.engine) for seed in range(arguments.splits)]
        rows.append({"dataset": name, "splits": found, **split_summary(found)})
        sys.stderr.write(f"{json.dumps({key: value for key, value in rows[-1].items() if key != 'splits'})}\n")
    result = {"machine": describe("sklearn", "keras", arguments.engine), "engine": arguments.engine, "datasets": rows}
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _split(name: str, seed: int, engine: str) -> dict[str, dict[str, float]]:
    """Return the scores of both on one split."""
    rows, classes = _DATASETS[name](return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        rows, classes, test_size=_TEST_SHARE, stratify=classes, random_state=seed
    )
    found = {}
    for method, predict in (("deepchord", _deepchord), ("trees", _trees)):
        started = time.perf_counter()
        probabilities = predict(x_train, x_test, y_train, y_test, seed, engine)
        took = time.perf_counter() - started
        found[method] = {score.__name__: float(score(probabilities, y_test)) for score in _SCORES} | {"seconds": took}
    sys.stderr.write(f"{name} {seed}: {found}\n")
    return found


def _deepchord(
    x_train: NDArray[Any], x_test: NDArray[Any], y_train: NDArray[Any], y_test: NDArray[Any], seed: int, engine: str
) -> NDArray[np.float32]:
    run = deepchord.train(
        x_train, y_train, test=(x_test, y_test), seed=seed, engine=engine, workers=1, keep_workers=_KEEP_WORKERS_S
    )
    return run.wait().ensemble.predict_proba(x_test)


def _trees(
    x_train: NDArray[Any], x_test: NDArray[Any], y_train: NDArray[Any], _: NDArray[Any], seed: int, __: str
) -> NDArray[np.float32]:
    # Beside other work its threads wait for each other for minutes.
    with threadpool_limits(1):
        trees = HistGradientBoostingClassifier(random_state=seed).fit(x_train, y_train)
        return np.asarray(trees.predict_proba(x_test), dtype=np.float32)


def split_summary(found: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Return, for each method, the mean of each score over the splits, and how far the splits differ."""
    summary = {}
    for method in found[0]:
        values = {name: [split[method][name] for split in found] for name in found[0][method]}
        means = {name: fmean(each) for name, each in values.items()}
        spreads = {f"{name}_deviation": stdev(each) for name, each in values.items() if len(each) > 1}
        summary[method] = means | spreads
    return summary


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", action="append", choices=_DATASETS, help="again for several; default: all")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--engine", choices=ENGINES, default="jax")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
