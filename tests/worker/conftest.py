"""What tests of a worker need: an engine without a framework, a run in real storage, and the tasks with a real broker.

The engine is softmax regression in NumPy: it trains at once, and the same everywhere.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from celery import Celery

from deepchord.shared.broker import KEY_PREFIX
from deepchord.shared.datasets import Dataset, publish_dataset
from deepchord.shared.messages import (
    MemberSeeds,
    MemberSpec,
    Recipe,
    RunSpec,
    Trainer,
)
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.queue import EVALUATE_ENSEMBLE, QUEUE, TRAIN_MEMBER, create_app
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore
from deepchord.worker.engines import Engine
from deepchord.worker.execution.member_attempt import BegunAttempt, attempt_member, fail_member
from deepchord.worker.resources import Resources
from deepchord.worker.tasks import register_tasks
from deepchord.worker.training import Observer
from tests.numpy_engine import NumpyEngine
from tests.worker.failing_engine import FailingEngine

CLASSES = ("dark", "left", "right")


@pytest.fixture
def engine() -> NumpyEngine:
    return NumpyEngine()


@pytest.fixture
def trainer() -> Trainer:
    return Trainer(host="here", engine="numpy", engine_version="numpy", device="cpu:0")


@pytest.fixture(scope="session")
def architecture() -> Architecture:
    return Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """Sixty small images, all dark or with a bright left or right half, and noise; test images are thirty more."""
    generator = np.random.default_rng(0)
    labels = np.arange(90) % 3
    pixels = generator.integers(0, 120, (90, 4, 4, 1))
    pixels[labels == 1, :, :2] += 60
    pixels[labels == 2, :, 2:] += 60
    images = pixels.astype(np.uint8)
    return Dataset(
        name="halves",
        x_train=images[:60],
        y_train=labels[:60],
        x_test=images[60:],
        y_test=labels[60:],
        class_names=CLASSES,
    )


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(optimizer="sgd", learning_rate=0.5, batch_size=16, epochs=5, validation_fraction=0.2, patience=3)


@pytest.fixture
def run(store: RunStore, architecture: Architecture, dataset: Dataset, recipe: Recipe) -> RunSpec:
    """A run of three members, submitted: its spec and data set lie in storage."""
    spec = RunSpec(
        run_id="20260101-000000-beef",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        preset="quick",
        dataset=publish_dataset(dataset, store),
        architecture=architecture,
        recipe=recipe,
        members=3,
        min_members=2,
        seed=1,
        max_attempts=2,
    )
    store.create_run(spec)
    return spec


@pytest.fixture
def members(run: RunSpec) -> tuple[MemberSpec, ...]:
    return tuple(
        MemberSpec(
            run_id=run.run_id,
            index=index,
            seeds=MemberSeeds(split=index, initialization=10 + index, shuffling=20 + index, dropout=30 + index),
        )
        for index in range(run.members)
    )


@pytest.fixture
def settings(tmp_path: Path, broker_url: str) -> Settings:
    return load_settings(broker=broker_url, storage=str(tmp_path / "storage"), cache=tmp_path / "cache")


@pytest.fixture
def resources(settings: Settings, engine: NumpyEngine) -> Resources:
    """What a worker's process holds: real storage, a real broker, and the engine above."""
    held = Resources(settings)
    held.engine = engine
    return held


@pytest.fixture
def app(settings: Settings, resources: Resources) -> Celery:
    application = create_app(settings)
    register_tasks(application, resources)
    return application


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the tasks would have slept."""
    slept: list[float] = []
    monkeypatch.setattr("deepchord.worker.execution.redelivery.time.sleep", slept.append)
    return slept


@pytest.fixture
def others_are(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let other workers of these names be connected that take the same messages."""

    def connect(*names: str) -> None:
        for module in ("deepchord.worker.tasks", "deepchord.worker.execution.redelivery"):
            monkeypatch.setattr(f"{module}.other_workers", lambda _: frozenset(names))

    return connect


@pytest.fixture
def perform(app: Celery, broker_url: str) -> Callable[..., Any]:
    """Perform a task, and again for as long as it sends its message once more; return its result, None if ignored."""

    def go(name: str, argument: Any) -> Any:
        retries = 0
        with redis.Redis.from_url(broker_url) as client:
            while True:
                result = app.tasks[name].apply(args=[argument], retries=retries)
                message = client.rpop(f"{KEY_PREFIX}{QUEUE}")
                if result.state != "IGNORED":
                    return result.get()
                if message is None:
                    return None
                retries = json.loads(message)["headers"]["retries"]

    return go


@pytest.fixture
def train(perform: Callable[..., Any]) -> Callable[[MemberSpec], Any]:
    return lambda spec: perform(TRAIN_MEMBER, spec.model_dump(mode="json"))


@pytest.fixture
def evaluate(perform: Callable[..., Any]) -> Callable[[str], str | None]:
    return lambda run_id: (perform(EVALUATE_ENSEMBLE, run_id) or {}).get("status")


@pytest.fixture
def fails(resources: Resources, engine: Engine) -> Callable[..., FailingEngine]:
    """Let the engine fail with these errors, in turn."""

    def fail(*errors: Exception) -> FailingEngine:
        resources.engine = FailingEngine(engine, errors)
        return resources.engine

    return fail


@pytest.fixture
def recorded(resources: Resources, run: RunSpec, members: tuple[MemberSpec, ...]) -> Callable[[str], None]:
    """Commit a record for each member: t for trained, f for failed, - for none."""

    def commit(outcomes: str) -> None:
        for spec, outcome in zip(members, outcomes, strict=True):
            if outcome == "t":
                attempt_member(resources, run, spec, BegunAttempt(number=1), Observer(), lambda line: None)
            elif outcome == "f":
                fail_member(resources, spec, 2, "EngineError: broken")

    return commit
