"""Training from Python without workers: what is refused, what is submitted, how a run is steered."""

import time
from decimal import Decimal

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

import deepchord
from deepchord.arrays import arrays_as_dataset, frame_as_dataset
from deepchord.coordinator.runs.request import RunRequest
from deepchord.live_display import is_notebook, show_views
from deepchord.shared.errors import DatasetError, DeepchordError, InputError, RunCancelledError
from deepchord.shared.messages import StratifiedSplit
from deepchord.training import RecipeOptions

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 6, 6), dtype=np.uint8)
LABELS = np.arange(60) % 3
FRAME = pd.DataFrame({"size": IMAGES[:, 0, 0], "kind": np.array(["cat", "ant", "bee"])[LABELS]})
LAYERS = [{"type": "flatten"}, {"type": "dense", "units": "classes", "activation": "softmax"}]


def test_the_options_are_those_of_a_recipe():
    # What is trained on has arguments of its own.
    assert set(RecipeOptions.__annotations__) | {"dataset", "target", "test"} == set(RunRequest.model_fields)


@hypothesis.given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=5), share=st.floats(0.05, 0.6), seed=st.integers(0, 100)
)
def test_test_images_are_kept_from_all_classes_and_no_image_is_in_both(sizes, share, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    images = np.arange(len(labels), dtype=np.float32).reshape(-1, 1, 1) * np.ones((1, 2, 2), np.float32)
    if min(sizes) < 2 / (1 - share) + 1 or round(share * len(labels)) < 1:
        return

    data = arrays_as_dataset(images, labels, test=share, seed=seed)

    kept = set(data.x_test[:, 0, 0, 0].tolist())
    assert kept | set(data.x_train[:, 0, 0, 0].tolist()) == set(range(len(labels)))
    assert len(data.x_test) == round(share * len(labels))
    for label, size in enumerate(sizes):
        assert abs((data.y_test == label).sum() - size * len(data.x_test) / len(labels)) <= 1


def test_classes_may_be_strings_and_keep_their_names():
    names, test = np.array(["cat", "ant", "bee"])[LABELS], (IMAGES[:3], ["bee", "ant", "cat"])

    data = arrays_as_dataset(IMAGES, names, test=test)

    assert data.class_names == ("ant", "bee", "cat")
    assert data.y_test.tolist() == [1, 0, 2]
    assert data.y_train[:3].tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    "numbers",
    [
        [str(number) for number in range(60)],
        np.array([float(number) for number in range(60)], dtype=object),
        [Decimal(number) for number in range(60)],
        pd.DataFrame({"price": [Decimal(number) for number in range(60)]}),
        np.arange(60).astype(bytes),
    ],
)
def test_numbers_to_predict_are_themselves_in_whatever_type_they_come(numbers):
    rows = np.arange(120.0).reshape(60, 2)

    data = arrays_as_dataset(rows, numbers, test=0.2, task="regression")

    assert sorted([*data.y_train[:, 0], *data.y_test[:, 0]]) == list(range(60))
    np.testing.assert_array_equal(data.rows[0].columns["feature_1"], 2 * data.y_train[:, 0])
    assert data.targets[0].name == ("price" if isinstance(numbers, pd.DataFrame) else "y")


def test_classes_that_are_objects_are_called_as_whole_numbers_and_a_text_is_never_missing():
    numbers = arrays_as_dataset(IMAGES, np.array([0.0, 1.0, 2.0] * 20, dtype=object), test=0.2)
    texts = arrays_as_dataset(IMAGES, np.array(["None", "nan", "NA"] * 20, dtype=object), test=0.2)

    assert (numbers.class_names, texts.class_names) == (("0", "1", "2"), ("NA", "None", "nan"))


def test_weights_of_images_go_with_those_that_are_trained_on():
    images = np.arange(60, dtype=np.float32).reshape(-1, 1, 1) * np.ones((1, 2, 2), np.float32)

    data = arrays_as_dataset(images, LABELS, test=0.2, sample_weights=1 + np.arange(60))

    np.testing.assert_array_equal(data.sample_weights_train, 1 + data.x_train[:, 0, 0, 0])


def test_weights_that_are_not_one_for_each_image_are_refused():
    images = np.zeros((60, 2, 2), np.float32)

    with pytest.raises(
        DatasetError, match=r"sample_weights: expected a number for each of 60 images, found .* \(48,\)"
    ):
        arrays_as_dataset(images, LABELS, test=0.2, sample_weights=np.ones(48))


def test_copies_of_an_image_stay_on_one_side():
    images = np.arange(30, dtype=np.float32).reshape(-1, 1, 1).repeat(2, axis=0) * np.ones((1, 2, 2), np.float32)

    data = arrays_as_dataset(images, np.arange(60) // 2 % 3, test=0.3)

    assert not set(data.x_train[:, 0, 0, 0]) & set(data.x_test[:, 0, 0, 0])


@pytest.mark.parametrize("test", [0.2, (FRAME[["size"]][:3], ["cat", "ant", "bee"])])
def test_rows_are_data_frames_or_arrays(test):
    labels = FRAME["kind"]
    by_frame = arrays_as_dataset(FRAME[["size"]], labels, test=test)
    also = test if isinstance(test, float) else (test[0].to_numpy(), test[1])
    by_array = arrays_as_dataset(FRAME[["size"]].to_numpy(), labels.to_numpy(), test=also)

    np.testing.assert_array_equal(by_frame.x_train, by_array.x_train)
    np.testing.assert_array_equal(by_frame.y_test, by_array.y_test)
    assert by_frame.class_names == ("ant", "bee", "cat")
    assert by_frame.table.names == ("size",)
    assert by_frame.split == (StratifiedSplit(share=test, seed=0) if isinstance(test, float) else None)


@pytest.mark.parametrize("test", [0.5, FRAME[:30]])
def test_a_column_of_a_data_frame_is_predicted(test):
    data = frame_as_dataset(FRAME, "kind", test=test, seed=1)

    assert (data.table.target, data.class_names) == ("kind", ("ant", "bee", "cat"))
    assert len(data.x_test) == 30


def test_a_column_of_objects_is_as_good_as_strings_and_channels_may_come_first():
    names = np.array(["cat", "ant", "bee"], dtype=object)[LABELS]
    images = np.zeros((60, 3, 8, 8), np.uint8)

    data = arrays_as_dataset(images, names, test=[images[:3], names[:3]], channels_first=True)

    assert data.class_names == ("ant", "bee", "cat")
    assert data.x_train.shape == (60, 8, 8, 3)
    assert arrays_as_dataset(IMAGES, names, test=0.2).class_names == ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"x": IMAGES}, "Give either x and y"),
        ({"x": IMAGES, "y": LABELS, "dataset": "fashion"}, "Give either x and y"),
        ({"x": IMAGES, "y": LABELS[:5]}, r"x has the shape \[60, 6, 6\] and y \[5\]; expected one class for each"),
        ({"x": IMAGES, "y": LABELS, "test": 1.5}, "test is 1.5; expected test images and their classes, or a share"),
        ({"x": IMAGES, "y": LABELS, "members": 0}, "members"),
        ({"x": IMAGES, "y": LABELS, "epoch": 3}, "unknown option 'epoch'.*epochs"),
        ({"x": IMAGES, "y": LABELS.astype(str), "class_names": "abc"}, "The classes have names already"),
        ({"x": IMAGES[:, 0, 0], "y": LABELS}, "expected images as"),
        ({"x": IMAGES[:, 0], "y": LABELS, "test": (IMAGES, LABELS)}, "one has rows, the other an array of the shape"),
        ({"x": FRAME, "y": LABELS, "target": "kind"}, "Give either y or target"),
        ({"x": FRAME, "target": "sort"}, "no column 'sort' to predict"),
        ({"x": FRAME, "test": 2}, "test is 2; expected a data frame of test rows, or a share"),
        ({"x": np.zeros((60, 3, 8, 8)), "y": LABELS}, "channels that come first"),
        ({"x": IMAGES, "y": LABELS, "seed": -1}, "seed"),
        ({"x": IMAGES, "y": LABELS, "test": "half"}, "A path as test is for a dataset, and x is in memory"),
        ({"x": IMAGES, "y": np.zeros(60)}, "at least 2 classes"),
        (
            {"x": IMAGES, "y": LABELS, "sample_weights": [1, 2]},
            "sample_weights: expected a number for each",
        ),
        ({"dataset": "fashion", "sample_weights": [1, 2]}, "sample_weights are for x and y"),
        ({"dataset": "fashion", "class_names": "abc"}, "class_names are for x and y"),
        ({"x": FRAME, "target": "kind", "class_names": "abc"}, "class_names are for x and y"),
        ({"x": IMAGES, "y": np.zeros((60, 0))}, r"y has the shape \[60, 0\]"),
        ({"x": IMAGES, "y": np.ma.masked_equal(LABELS, 2)}, r"y\[2\] is masked"),
        ({"x": IMAGES, "y": ["a", None, "b"] * 20}, r"y\[1\] is missing; leave out rows"),
        ({"x": IMAGES, "y": np.array(["a", "b", pd.NA] * 20, dtype=object)}, r"y\[2\] is missing"),
        ({"x": IMAGES, "y": LABELS + np.where(np.arange(60) == 7, np.nan, 0)}, r"y\[7\] is missing"),
        ({"x": IMAGES, "y": ["1", "2", "x"] * 20, "task": "regression"}, r"y\[2\] is 'x'; expected a number"),
        ({"x": IMAGES, "y": np.where(np.arange(60) == 50, np.inf, 0), "task": "regression"}, "y: row 50"),
        ({"dataset": "fashion", "test": (IMAGES, LABELS)}, "Images or rows as test are for x"),
        ({"dataset": "rows.csv", "test": FRAME}, "Images or rows as test are for x"),
        ({"x": IMAGES, "y": LABELS, "test_share": 0.3}, "test_share is for a dataset, .*: give the share as test"),
        ({"x": FRAME, "split_seed": 1}, "split_seed is for a dataset, and x is in memory: leave it out, seed draws"),
        ({"x": IMAGES, "y": LABELS, "image_size": 64}, "image_size is for a dataset, and x is in memory: leave it out"),
        ({"x": IMAGES, "y": LABELS, "skip_damaged": True}, "skip_damaged is for a dataset"),
        ({"x": FRAME, "channels_first": False}, "channels_first is for images, and x holds rows of a table"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(tmp_path, arguments, sentence):
    with pytest.raises(DeepchordError, match=sentence):
        deepchord.train(storage=str(tmp_path / "storage"), broker="redis://127.0.0.1:1/0", **arguments)

    assert not (tmp_path / "storage").exists()


@pytest.fixture
def run(tmp_path, broker_url):
    """A run in the queue of a broker without workers."""
    storage = str(tmp_path / "storage")
    return deepchord.train(
        IMAGES, LABELS, layers=LAYERS, members=2, validation=0.2, seed=3, storage=storage, broker=broker_url
    )


@pytest.mark.slow
def test_a_data_set_may_have_a_test_of_its_own(tmp_path, broker_url):
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    FRAME.head(7).to_csv(tmp_path / "test.csv", index=False)

    run = deepchord.train(
        dataset=tmp_path / "rows.csv", test=tmp_path / "test.csv", storage=str(tmp_path / "storage"), broker=broker_url
    )

    run.cancel()
    data = run.spec.dataset
    assert (data.train_size, data.test_size, data.split, data.test_name) == (60, 7, None, "test.csv")


@pytest.mark.slow
def test_a_run_is_submitted_steered_and_found_again(run, tmp_path):
    assert run.status.state == "waiting"
    assert (run.spec.members, run.spec.seed, run.spec.recipe.validation_fraction) == (2, 3, 0.2)
    assert run.evaluation is None
    assert repr(run) == f"<Run {run.run_id} in {tmp_path / 'storage'}: waiting>"
    with pytest.raises(TimeoutError, match=r"goes on after 0\.3 s"):
        run.wait(0.3)
    with pytest.raises(InputError, match=r"is under way here: wait\(\) for its end, or cancel\(\) it, first"):
        run.extend(3)
    with pytest.raises(InputError, match="is not evaluated yet"):
        _ = run.ensemble

    again = deepchord.Run.open(storage=str(tmp_path / "storage"))
    assert again.run_id == run.run_id
    again.cancel()
    with pytest.raises(RunCancelledError, match="is cancelled"):
        run.wait(60)
    with pytest.raises(RunCancelledError):
        run.watch()
    with pytest.raises(RunCancelledError):
        again.wait(60)


@pytest.mark.slow
def test_a_program_that_no_longer_follows_leaves_the_run_to_the_fleet(run):
    run._background.stop()

    assert not run._background.is_alive
    assert run.status.state == "waiting"
    run.cancel()


@pytest.mark.slow
def test_lines_tell_how_it_goes_on_where_there_is_no_terminal(run, capsys):
    deadline = time.monotonic() + 60
    while run._background.view is None and time.monotonic() < deadline:
        time.sleep(0.05)
    run.cancel()

    view = show_views(run._background.views())

    assert view.state == "cancelled"
    assert f"run {run.run_id}" in capsys.readouterr().out
    assert not is_notebook()


def test_data_that_is_no_data_set_is_refused_with_its_reason():
    with pytest.raises(DatasetError, match="not finite"):
        arrays_as_dataset(np.full((4, 2, 2), np.nan), np.arange(4) % 2, test=0.5)


def test_numbers_are_predicted_where_that_is_asked_for():
    numbers = IMAGES[:, 0, 0] * 1.5 - 3
    frame = FRAME.assign(weight=numbers).drop(columns="kind")
    of_frame = frame_as_dataset(frame, "weight", test=0.2, task="regression")
    of_rows = arrays_as_dataset(frame[["size"]], frame["weight"], test=0.25, seed=1, task="regression")
    of_images = arrays_as_dataset(
        IMAGES, np.stack([numbers, -numbers], axis=1), test=(IMAGES[:5], np.zeros((5, 2))), task="regression"
    )

    assert [target.name for target in of_frame.targets] == ["weight"]
    assert [target.name for target in of_rows.targets] == ["weight"]
    assert (len(of_rows.y_train), len(of_rows.y_test)) == (45, 15)
    assert [target.name for target in of_images.targets] == ["y_0", "y_1"]
    assert of_images.y_test.shape == (5, 2)
    flags = np.stack([numbers > 0.5, numbers > 0.2], axis=1)
    of_labels = arrays_as_dataset(IMAGES, flags, test=0.2, task="multilabel")
    named = arrays_as_dataset(frame[["size"]], frame.assign(a=flags[:, 0])[["a"]], test=0.2, task="multilabel")
    assert (of_labels.label_names, of_labels.y_test.shape) == (("label_0", "label_1"), (12, 2))
    assert (named.label_names, named.table.names) == (("a",), ("size",))
    with pytest.raises(DatasetError, match=r"y: row 0 \(from 0\) holds [34]\.0 in column 1"):
        arrays_as_dataset(IMAGES, flags + np.array([0, 3.0]), test=0.2, task="multilabel")
    with pytest.raises(DatasetError, match=r"for numbers to be predicted give --task regression \(in Python task=\)"):
        arrays_as_dataset(IMAGES, numbers + 0.25, test=0.2)
    with pytest.raises(
        InputError, match="task is 'regresion'; expected 'classification', 'regression' or 'multilabel'"
    ):
        arrays_as_dataset(IMAGES, numbers, test=0.2, task="regresion")
    with pytest.raises(InputError, match="class_names are for classes, and numbers are predicted"):
        arrays_as_dataset(IMAGES, numbers, test=0.2, task="regression", class_names=["a", "b"])
