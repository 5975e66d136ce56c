"""What a study of a run on a table is refused, and which rows it takes as unlike the training."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.datasets import find_unseen_rows, load_images, publish_images
from deepchord.shared.errors import DatasetError, InputError
from deepchord.shared.messages import DatasetInfo, NumberColumn, Recipe, RunSpec, TablePreprocessing
from deepchord.shared.network import default_architecture
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from deepchord.worker.studies.request import StudyRequest, check_request


@pytest.fixture
def run() -> RunSpec:
    table = TablePreprocessing(target="kind", columns=(NumberColumn(name="size", center=0.0, scale=1.0),))
    return RunSpec(
        run_id="flowers",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        preset="tabular",
        dataset=DatasetInfo(
            name="flowers.csv",
            sha256="0" * 64,
            input_shape=(1,),
            class_names=("rose", "tulip"),
            train_size=10,
            test_size=5,
            table=table,
        ),
        architecture=default_architecture("tabular"),
        recipe=Recipe(optimizer="adam", learning_rate=0.1, batch_size=8, epochs=1, validation_fraction=0.2, patience=1),
        members=1,
        min_members=1,
        seed=1,
        max_attempts=1,
    )


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"shifts": True}, "was trained on a table: --shift changes images"),
        ({"unseen": "a.csv", "fitting": "resize"}, "--fit and --ood-channels-first are about images"),
        ({"unseen": "a.csv", "unseen_channels_first": True}, "--fit and --ood-channels-first are about images"),
        ({"dataset": "other.csv"}, "`deepchord predict flowers FILE` scores other rows that have the column 'kind'"),
    ],
)
def test_what_only_images_have_is_refused(run: RunSpec, asked: dict[str, object], sentence: str):
    with pytest.raises(InputError, match=sentence):
        check_request(run, StudyRequest(**asked))


def test_another_engine_may_evaluate_it(run: RunSpec):
    check_request(run, StudyRequest())


@pytest.mark.parametrize("name", ["far.csv", "far.npz"])
def test_rows_of_the_same_columns_are_unlike_the_training(run: RunSpec, tmp_path: Path, name: str):
    table = run.dataset.table
    if name == "far.csv":
        (tmp_path / name).write_text("kind,extra,size\nrose,1,2.5\n,2,\n")
    else:
        np.savez(tmp_path / name, x=np.array([[2.5], [np.nan]]))
    store = RunStore.open(load_settings(storage=str(tmp_path / "storage")))

    rows = find_unseen_rows(str(tmp_path / name), table)
    read = load_images(publish_images(rows, store), store)

    assert (read.name, read.pixels.shape, read.pixels.dtype) == (name, (2, 1), np.float32)
    assert read.pixels[1] == 0
    np.testing.assert_array_equal(read.pixels, rows.pixels)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("other.csv", "kind,sizes\nrose,1\n", r"other\.csv has no column 'size', .* did you mean 'sizes'\?"),
        ("none.csv", None, r"no file .*none\.csv: the run was trained on a table, so expected one of its columns"),
        ("empty.csv", "size\n", "empty.csv"),
        ("text.csv", "size\nlarge\n", r"text\.csv.*'size'.*large"),
        ("digits", None, "no file digits: the run was trained on a table"),
    ],
)
def test_rows_of_other_columns_are_refused(run: RunSpec, tmp_path: Path, name: str, content: str, sentence: str):
    if content is not None:
        (tmp_path / name).write_text(content)
    path = name if name == "digits" else str(tmp_path / name)

    with pytest.raises(DatasetError, match=sentence):
        find_unseen_rows(path, run.dataset.table)
