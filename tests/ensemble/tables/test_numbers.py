import csv
import json

import hypothesis
import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import strategies as st

from deepchord.ensemble.half_widths import HalfWidths
from deepchord.ensemble.regression_prediction import RegressionPrediction
from deepchord.ensemble.tables import NumberRows, RunningNumberScores, open_table
from deepchord.shared.messages import Intervals

NAMES = ("price", "built")
_UNBOUNDED = Intervals(
    method="conformal", level=0.9, half_widths=(2.0, None), coverage=(0.9, 1.0), mean_width=(1.0, None)
)


def made_up(rows: int, seed: int = 0, offset: float = 0.0) -> RegressionPrediction:
    generator = np.random.default_rng(seed)
    aleatoric, epistemic = generator.uniform(0.1, 3, (2, rows, 2))
    return RegressionPrediction(
        mean=generator.normal(offset, 2, (rows, 2)),
        standard_deviation=np.hypot(aleatoric, epistemic),
        aleatoric_standard_deviation=aleatoric,
        epistemic_standard_deviation=epistemic,
        target_names=NAMES,
        half_widths=HalfWidths(run_id="it", factors=(4.0, 1.0), targets=2, conformal=(_UNBOUNDED,)),
    )


def test_the_columns_are_named_by_target():
    found = made_up(2)

    columns = NumberRows(
        prediction=found, names_of_rows=["x", "y"], actual=np.array([[1.0, np.nan]] * 2), levels=(0.9, 0.995)
    ).columns()

    parts = ("mean", "standard_deviation", "aleatoric_standard_deviation", "epistemic_standard_deviation")
    ends = ("lower_90", "upper_90", "lower_99.5", "upper_99.5", "actual")
    assert list(columns) == ["row", *(f"{name}_{part}" for name in NAMES for part in (*parts, *ends))]
    # Two standard deviations before the scaling by four are one after it.
    np.testing.assert_allclose(columns["price_upper_90"], found.mean[:, 0] + found.standard_deviation[:, 0])
    assert np.isinf(columns["built_lower_90"]).all()


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet", ".npz"])
def test_files_hold_all_lots_and_nothing_where_an_interval_has_no_end(tmp_path, ending):
    lots, path = [made_up(3, 1), made_up(2, 2)], tmp_path / f"it{ending}"

    with open_table(path) as table:
        for lot in lots:
            names = [f"it:{row}" for row in range(len(lot))]
            table.add(NumberRows(prediction=lot, names_of_rows=names, actual=None, levels=(0.9,)))

    expected = np.concatenate([lot.mean[:, 1] for lot in lots])
    if ending == ".npz":
        with np.load(path) as found:
            np.testing.assert_array_equal(found["mean"][:, 1], expected)
            assert found["target_names"].tolist() == list(NAMES)
            assert {"lower_90", "upper_90", "rows"} <= set(found)
        return
    rows = {
        ".csv": lambda: list(csv.DictReader(path.read_text().splitlines())),
        ".json": lambda: json.loads(path.read_text(), parse_constant=pytest.fail),
        ".parquet": lambda: pyarrow.parquet.read_table(path).to_pylist(),
    }[ending]()
    assert [float(row["built_mean"]) for row in rows] == expected.tolist()
    assert {row["built_upper_90"] for row in rows} <= {"", None, np.inf}


@hypothesis.given(
    seed=st.integers(0, 1000),
    cuts=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    offset=st.sampled_from([0, 1e6]),
)
def test_scores_of_lots_are_the_scores_of_all_rows(seed, cuts, offset):
    lots = [made_up(size, seed + number, offset) for number, size in enumerate(cuts)]
    generator = np.random.default_rng(seed)
    actual = [lot.mean + generator.normal(0, 2, lot.mean.shape) for lot in lots]
    for each in actual:
        each[generator.random(each.shape) < 0.3] = np.nan
    running = RunningNumberScores(NAMES, (0.9, 0.5))

    for lot, numbers in zip(lots, actual, strict=True):
        running.add(lot, numbers)

    found = {each.target: each for each in running.result()}
    numbers, (lower, upper) = (
        np.concatenate(actual),
        np.concatenate([lot.intervals(0.5) for lot in lots], axis=1),
    )
    for target, name in enumerate(NAMES):
        known = np.flatnonzero(~np.isnan(numbers[:, target]))
        if not len(known):
            assert name not in found
            continue
        column = (known[:, None], [target])
        whole = RegressionPrediction(
            mean=np.concatenate([lot.mean for lot in lots])[column],
            standard_deviation=np.concatenate([lot.standard_deviation for lot in lots])[column],
            aleatoric_standard_deviation=np.concatenate([lot.aleatoric_standard_deviation for lot in lots])[column],
            epistemic_standard_deviation=np.concatenate([lot.epistemic_standard_deviation for lot in lots])[column],
            target_names=(name,),
            half_widths=lots[0].half_widths,
        )
        (expected,) = whole.scores(numbers[column])
        assert found[name].rows == len(known)
        # One row alone has no share of its variance that could be explained.
        assert (found[name].scores.r_squared is None) == (expected.r_squared is None)
        assert found[name].scores.model_dump(exclude_none=True) == pytest.approx(
            expected.model_dump(exclude_none=True), rel=1e-6
        )
        inside = (lower[known, target] <= numbers[known, target]) & (numbers[known, target] <= upper[known, target])
        assert found[name].coverage[0.5] == pytest.approx(inside.mean())
