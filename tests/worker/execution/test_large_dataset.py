"""Members and evaluations of a data set in shards: all that comes of it is what comes of the same set in one piece."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.datasets import Dataset, Sharding, publish_dataset
from deepchord.shared.errors import CorruptObjectError
from deepchord.shared.files import is_mapped
from deepchord.shared.messages import DatasetManifest, MemberSpec, RunSpec, TrainedMember
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.worker.engines import Engine
from deepchord.worker.execution.evaluation_attempt import attempt_evaluation
from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member
from deepchord.worker.resources import Resources
from deepchord.worker.training import Observer

#: Ten shards of the training images.
TINY = Sharding(one_file_bytes=0, shard_bytes=128 + 6 * 16)


@pytest.fixture
def sharded(resources: Resources, run: RunSpec, dataset: Dataset) -> RunSpec:
    """The run once more, on its data set in shards."""
    return _in_shards(resources.store, run, dataset)


def _in_shards(store: RunStore, run: RunSpec, dataset: Dataset) -> RunSpec:
    published = publish_dataset(dataset, store, sharding=TINY)
    again = run.model_copy(update={"run_id": "20260101-000000-cafe", "dataset": published})
    store.create_run(again)
    return again


def _trained(resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...]) -> list[TrainedMember]:
    own = [spec.model_copy(update={"run_id": run.run_id}) for spec in members]
    records = [
        attempt_member(resources, run, spec, BegunAttempt(number=1), Observer(), lambda line: None) for spec in own
    ]
    return [record.member for record in records]


def _results(trained: list[TrainedMember]) -> list[object]:
    """What a training may not change: weights, probabilities, and the history but its seconds."""
    return [
        (
            member.weights_sha256,
            member.probabilities_sha256,
            [metrics.model_copy(update={"duration_s": 0.0}) for metrics in member.history],
        )
        for member in trained
    ]


@pytest.mark.parametrize("changes", [{}, {"flip": True, "shift": 1, "noise": 0.1, "mixup": 0.5}])
def test_members_and_evaluation_are_the_same_to_the_last_bit(
    resources: Resources, run: RunSpec, sharded: RunSpec, members: tuple[MemberSpec, ...], changes: dict[str, object]
):
    recipe = run.recipe.model_validate({**run.recipe.model_dump(), **changes})
    whole, cut = (one.model_copy(update={"recipe": recipe}) for one in (run, sharded))

    of_whole, of_cut = _trained(resources, whole, members), _trained(resources, cut, members)

    assert is_mapped(resources.dataset(cut.dataset).x_train)
    assert _results(of_cut) == _results(of_whole)
    for one in (whole, cut):
        assert attempt_evaluation(resources, one, lambda: None) == "evaluated"
    first, second = (resources.store.evaluation(one).result() for one in (whole, cut))
    assert first is not None
    unlike = {"evaluated_at": first.evaluated_at, "duration_s": first.duration_s}
    assert second == first or second.model_copy(update=unlike) == first


def test_floats_and_weights_of_images_are_trained_on_the_same_way(
    resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...], dataset: Dataset
):
    floats = replace(
        dataset,
        x_train=(dataset.x_train / np.float32(255)).astype(np.float32),
        x_test=(dataset.x_test / np.float32(255)).astype(np.float32),
        sample_weights_train=np.linspace(0.5, 2, len(dataset.x_train), dtype=np.float32),
    )
    whole = run.model_copy(update={"dataset": publish_dataset(floats, resources.store)})
    cut = _in_shards(resources.store, run, floats)

    assert _results(_trained(resources, cut, members)) == _results(_trained(resources, whole, members))


def test_members_are_the_same_from_s3(
    settings: Settings,
    engine: Engine,
    run: RunSpec,
    resources: Resources,
    members: tuple[MemberSpec, ...],
    dataset: Dataset,
    s3_server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    for name, value in s3_server.variables().items():
        monkeypatch.setenv(name, value)
    elsewhere = {"storage": s3_server.new_storage(), "cache": tmp_path / "other cache"}
    remote = Resources(settings.model_copy(update=elsewhere))
    remote.engine = engine
    cut = _in_shards(remote.store, run, dataset)

    assert _results(_trained(remote, cut, members[:1])) == _results(_trained(resources, run, members[:1]))


def test_nothing_is_trained_on_a_damaged_shard(
    resources: Resources, sharded: RunSpec, members: tuple[MemberSpec, ...], tmp_path: Path
):
    broken = sorted((tmp_path / "storage" / "datasets" / "shards").iterdir())[3]
    broken.write_bytes(b"damage")

    with pytest.raises(CorruptObjectError, match=broken.name):
        _trained(resources, sharded, members[:1])

    assert resources.store.member(sharded.run_id, 0).record() is None
    assert hashlib.sha256(b"damage").hexdigest() != broken.stem


def test_each_shard_that_comes_is_a_step_of_the_attempt(resources: Resources, sharded: RunSpec, tmp_path: Path):
    steps: list[None] = []

    resources.dataset(sharded.dataset, lambda: steps.append(None))

    manifest = (tmp_path / "storage" / "datasets" / f"{sharded.dataset.sha256}.json").read_bytes()
    assert len(steps) == sum(len(array.shards) for array in DatasetManifest.decode(manifest, "it").arrays)
