"""Numbers against gradient-boosted trees: the preset `tabular` and scikit-learn's HistGradientBoostingRegressor.

Both get the same rows, split several times; both as they come, without a search. Trees tell no variance: theirs is
that of their errors on a fifth of the training rows, which they do not learn from for that. Other tables come with
`--csv`.

    python -m benchmarks.regression [--splits 3] [--engine jax] [--csv boston=Boston.csv:medv] [--json FILE]
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

import deepchord
from benchmarks.machine import describe
from benchmarks.tables import split_summary
from deepchord.shared.host import ENGINES
from deepchord.shared.messages import RegressionEvaluation

Rows = tuple[NDArray[Any], NDArray[Any]]

_TEST_SHARE = 0.1
#: Workers stay between trainings, so that the seconds are those of the trainings.
_KEEP_WORKERS_S = 120.0


def _varying_noise() -> Rows:
    """Return rows whose noise grows with one of their columns."""
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (1000, 3))
    return x, np.sin(3 * x[:, 0]) + x[:, 1] + (0.1 + 0.4 * (x[:, 2] + 1)) * generator.normal(size=1000)


_MADE: dict[str, Callable[[], Rows]] = {
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "friedman": lambda: make_friedman1(n_samples=1000, noise=1.0, random_state=0),
    "varying_noise": _varying_noise,
}


def main() -> None:
    """Train, score and print."""
    arguments = _arguments()
    tables = {name: made() for name, made in _MADE.items() if not arguments.dataset or name in arguments.dataset}
    tables |= dict(map(_read_csv, arguments.csv))
    rows = []
    for name, table in tables.items():
        found = [_split(name, table, seed, arguments.engine) for seed in range(arguments.splits)]
        rows.append({"dataset": name, "rows": len(table[1]), "splits": found, **split_summary(found)})
        sys.stderr.write(f"{json.dumps({key: value for key, value in rows[-1].items() if key != 'splits'})}\n")
    result = {"machine": describe("sklearn", "keras", arguments.engine), "engine": arguments.engine, "datasets": rows}
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def _split(name: str, table: Rows, seed: int, engine: str) -> dict[str, dict[str, float]]:
    """Return the scores of both on one split."""
    parts = train_test_split(*table, test_size=_TEST_SHARE, random_state=seed)
    found = {}
    methods: dict[str, Callable[..., dict[str, float]]] = {"deepchord": _deepchord, "trees": _trees}
    for method, score in methods.items():
        started = time.perf_counter()
        scores = score(*parts, seed, engine)
        found[method] = scores | {"seconds": time.perf_counter() - started}
    sys.stderr.write(f"{name} {seed}: {found}\n")
    return found


def _deepchord(
    x_train: NDArray[Any], x_test: NDArray[Any], y_train: NDArray[Any], y_test: NDArray[Any], seed: int, engine: str
) -> dict[str, float]:
    run = deepchord.train(
        x_train,
        y_train,
        test=(x_test, y_test),
        task="regression",
        seed=seed,
        engine=engine,
        workers=1,
        keep_workers=_KEEP_WORKERS_S,
    )
    evaluation = run.wait().evaluation
    assert isinstance(evaluation, RegressionEvaluation), "the task is regression"  # noqa: S101  for the type checker
    assert evaluation.scaling is not None, "rows are held out"  # noqa: S101  for the type checker
    (plain,), (scaled,) = evaluation.test, evaluation.scaled_test
    members = [member.test[0] for member in evaluation.members]
    scores = {
        "root_mean_squared_error": plain.root_mean_squared_error,
        "negative_log_likelihood": scaled.negative_log_likelihood,
        "unscaled_negative_log_likelihood": plain.negative_log_likelihood,
        "continuous_ranked_probability_score": scaled.continuous_ranked_probability_score,
        "factor": evaluation.scaling.factors[0],
        "member_root_mean_squared_error": fmean(member.root_mean_squared_error for member in members),
        "member_negative_log_likelihood": fmean(member.negative_log_likelihood for member in members),
    }
    for intervals in evaluation.intervals:
        scores[f"{intervals.method}_coverage_{intervals.level:g}"] = intervals.coverage[0]
    return scores


def _trees(
    x_train: NDArray[Any], x_test: NDArray[Any], y_train: NDArray[Any], y_test: NDArray[Any], seed: int, _: str
) -> dict[str, float]:
    inner = train_test_split(x_train, y_train, test_size=0.2, random_state=seed)
    # Beside other work its threads wait for each other for minutes.
    with threadpool_limits(1):
        fewer = HistGradientBoostingRegressor(random_state=seed).fit(inner[0], inner[2])
        variance = float(np.mean((inner[3] - fewer.predict(inner[1])) ** 2))
        squared = (y_test - HistGradientBoostingRegressor(random_state=seed).fit(x_train, y_train).predict(x_test)) ** 2
    return {
        "root_mean_squared_error": float(np.sqrt(squared.mean())),
        "negative_log_likelihood": 0.5 * (math.log(2 * math.pi * variance) + float(squared.mean()) / variance),
    }


def _read_csv(given: str) -> tuple[str, Rows]:
    """Return the name and the rows of `NAME=FILE:TARGET`; a first column without a name counts the rows."""
    import polars as pl

    name, _, rest = given.partition("=")
    file, _, target = rest.rpartition(":")
    frame = pl.read_csv(file)
    frame = frame.drop([column for column in frame.columns if column in ("", "_duplicated_0")])
    return name, (frame.drop(target).to_numpy(), frame[target].to_numpy())


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", action="append", choices=_MADE, help="again for several; default: all")
    parser.add_argument("--csv", action="append", default=[], metavar="NAME=FILE:TARGET", help="one more table")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--engine", choices=ENGINES, default="jax")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
