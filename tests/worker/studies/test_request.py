"""What a study of a run on a table is refused."""

from datetime import UTC, datetime

import pytest

from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, NumberColumn, Recipe, RunSpec, TablePreprocessing
from deepchord.shared.network import default_architecture
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
        ({"shifts": True}, "--shift and --ood are about images"),
        ({"unseen": "digits"}, "--shift and --ood are about images"),
        ({"dataset": "other.csv"}, "`deepchord predict flowers FILE` scores other rows that have the column 'kind'"),
    ],
)
def test_what_only_images_have_is_refused(run: RunSpec, asked: dict[str, object], sentence: str):
    with pytest.raises(InputError, match=sentence):
        check_request(run, StudyRequest(**asked))


def test_another_engine_may_evaluate_it(run: RunSpec):
    check_request(run, StudyRequest())
