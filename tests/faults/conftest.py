"""A fleet of its own for each test, and the member that it trains, trained without any fault."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deepchord.shared.messages import TrainedMember
from tests.faults.fleet import EPOCHS, LEASE_S, Broker, Fleet
from tests.once import Once
from tests.places import Place


@pytest.fixture(scope="session")
def long_recipe(recipe: Path) -> Path:
    """A recipe for one member of some epochs."""
    path = recipe.parent / "long.toml"
    text = recipe.read_text().replace("members = 2", "members = 1").replace("epochs = 2", f"epochs = {EPOCHS}")
    path.write_text(f"{text}\npatience = {EPOCHS}\n")
    return path


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker for one test."""
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker")
    broker.start()
    yield broker
    broker.client.close()
    broker.kill()


@pytest.fixture
def fleet(new_place: Callable[..., Place], broker: Broker, long_recipe: Path) -> Iterator[Fleet]:
    """A fleet without workers yet, and a short lease."""
    place = new_place(
        DEEPCHORD_BROKER=broker.url,
        DEEPCHORD_LEASE_S=str(LEASE_S),
        DEEPCHORD_MAX_ATTEMPTS="3",
    )
    fleet = Fleet(place, broker, long_recipe, place.store)
    yield fleet
    place.kill_all()


@pytest.fixture(scope="session")
def uninterrupted(new_place: Callable[..., Place], long_recipe: Path, once: Once[TrainedMember]) -> TrainedMember:
    """The member of the recipe, trained without any fault."""
    return once("uninterrupted", lambda: _trained(new_place(), long_recipe))


def _trained(place: Place, long_recipe: Path) -> TrainedMember:
    ended = place.run("train", "--local", long_recipe)
    assert ended.returncode == 0, ended.stderr
    store = place.store
    (run_id,) = store.run_ids()
    member = store.member(run_id, 0).record().member
    assert isinstance(member, TrainedMember)
    assert len(member.history) == EPOCHS
    return member
