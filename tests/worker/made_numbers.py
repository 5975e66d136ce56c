"""Runs that predict two numbers of small images, in real storage."""

from datetime import UTC, datetime

import numpy as np

from deepchord.shared.datasets import Dataset, publish_dataset
from deepchord.shared.datasets.dataset import dataset_from_arrays
from deepchord.shared.messages import MemberSeeds, MemberSpec, Recipe, RegressionEvaluation, RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.worker.execution.evaluation_attempt import attempt_evaluation
from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member
from deepchord.worker.resources import Resources
from deepchord.worker.training import Observer

LINEAR = Architecture(layers=(Flatten(), Dense(units="outputs")))
TARGETS = ("price", "weight")


def numbers(size: int = 400, noise: float = 1.0) -> Dataset:
    """Return images of 1 x 3 values; two numbers that follow from them, in units of their own, with noise."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(size, 1, 3, 1)).astype(np.float32)
    slopes = np.array([[3.0, 0.0], [1.0, 2.0], [0.0, -1.0]])
    y = x.reshape(size, 3) @ slopes + noise * generator.normal(size=(size, 2))
    y = y * (10.0, 0.01) + (1000.0, -5.0)
    arrays = {"x_train": x[:-80], "y_train": y[:-80], "x_test": x[-80:], "y_test": y[-80:], "target_names": TARGETS}
    return dataset_from_arrays({name: np.asarray(array) for name, array in arrays.items()}, name="made", source="made")


def number_run(resources: Resources, dataset: Dataset, recipe: Recipe, members: int = 7) -> RunSpec:
    """Submit a run: its spec and data set lie in storage."""
    spec = RunSpec(
        run_id="20260101-000000-0123",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        preset="quick",
        dataset=publish_dataset(dataset, resources.store),
        architecture=LINEAR,
        recipe=recipe.model_copy(update={"splits": "rotating"}),
        members=members,
        min_members=2,
        seed=1,
        max_attempts=2,
    )
    resources.store.create_run(spec)
    return spec


def evaluated_numbers(resources: Resources, run: RunSpec) -> RegressionEvaluation:
    """Train all members of a run and evaluate them."""
    for index in range(run.members):
        seeds = MemberSeeds(split=index, initialization=10 + index, shuffling=20 + index, dropout=30 + index)
        spec = MemberSpec(run_id=run.run_id, index=index, seeds=seeds)
        attempt_member(resources, run, spec, BegunAttempt(number=1), Observer(), lambda line: None)
    assert attempt_evaluation(resources, run, lambda: None) == "evaluated"
    found = resources.store.evaluation(run).result()
    assert isinstance(found, RegressionEvaluation)
    return found
