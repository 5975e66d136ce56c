from collections.abc import Iterator

import pytest

from deepchord.coordinator.monitoring import RunView
from deepchord.coordinator.notification import Notice
from deepchord.coordinator.notification.occasions import Occasion
from deepchord.shared.messages import RunSpec
from deepchord.shared.storage import RunStore
from tests.coordinator.followed_run import NOW, published_run
from tests.webhooks import Receiver, receiving


@pytest.fixture
def receiver(monkeypatch) -> Iterator[Receiver]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with receiving() as server:
        yield server


@pytest.fixture
def run(store: RunStore) -> RunSpec:
    return published_run(store)


@pytest.fixture
def notice(run: RunSpec) -> Notice:
    occasion = Occasion(event="stalled", sentence=f"Run {run.run_id} does not go on: it rains.", at=NOW)
    return Notice.of(occasion, RunView(run=run), "here")
