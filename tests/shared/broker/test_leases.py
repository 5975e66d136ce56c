import time

import pytest

from deepchord.shared.broker import (
    Holder,
    Leases,
    Limit,
    connect_lazily,
    count_training,
    evaluation_lease,
    member_lease,
)
from deepchord.shared.settings import load_settings

NAME = member_lease("run", 3)
ONE = Holder(worker="a", process_id=1, token="1")
OTHER = Holder(worker="b", process_id=2, token="2")


@pytest.fixture
def client(broker_url):
    with connect_lazily(load_settings(broker=broker_url)) as client:
        yield client


@pytest.fixture
def leases(client) -> Leases:
    return Leases(client)


def test_a_lease_is_taken_by_one_and_refused_to_others_who_learn_who_has_it(leases):
    assert leases.hold(NAME, ONE, 30) is None

    held = leases.hold(NAME, OTHER, 30)

    assert held.holder == ONE
    assert 0 < held.remaining_s <= 30


def test_a_lease_is_renewed_by_its_holder(leases, client):
    leases.hold(NAME, ONE, 30)

    assert leases.hold(NAME, ONE, 1000) is None

    assert client.pttl(NAME) > 30_000


def test_a_lease_that_has_ended_may_be_taken_by_anybody(leases):
    leases.hold(NAME, ONE, 0.05)
    while leases.remaining_s(NAME) is not None:
        time.sleep(0.01)

    assert leases.hold(NAME, OTHER, 30) is None
    assert leases.hold(NAME, ONE, 30).holder == OTHER


def test_a_lease_that_the_broker_forgot_is_taken_again_by_its_holder(leases, client):
    leases.hold(NAME, ONE, 30)
    client.flushall()

    assert leases.hold(NAME, ONE, 30) is None


def test_a_holder_that_is_known_to_be_gone_is_replaced_unless_somebody_was_faster(leases):
    leases.hold(NAME, ONE, 30)
    held = leases.hold(NAME, OTHER, 30)

    assert leases.hold(NAME, OTHER, 30, instead_of=held) is None
    third = Holder(worker="c", process_id=3, token="3")
    assert leases.hold(NAME, third, 30, instead_of=held).holder == OTHER


def test_a_lease_that_was_given_up_is_free(leases):
    leases.hold(NAME, ONE, 30)

    leases.release(NAME, ONE)

    assert leases.remaining_s(NAME) is None


def test_a_lease_that_rests_is_seen_but_free_to_be_taken(leases):
    leases.hold(NAME, ONE, 30)

    leases.release(NAME, ONE, rest_s=30)

    assert set(leases.held_members("run", range(5))) == {3}
    assert leases.hold(NAME, OTHER, 30) is None


def test_a_lease_of_somebody_else_is_not_given_up(leases):
    leases.hold(NAME, ONE, 30)

    leases.release(NAME, OTHER)

    assert leases.remaining_s(NAME) is not None


def test_all_members_of_a_run_are_looked_at_at_once(leases):
    for index in (0, 7, 2500):
        leases.hold(member_lease("run", index), ONE, 30)
    leases.hold(evaluation_lease("run"), ONE, 30)
    leases.hold(member_lease("other", 1), ONE, 30)

    found = leases.held_members("run", range(3000))

    assert set(found) == {0, 7, 2500}
    assert all(20 < remaining_s <= 30 for remaining_s in found.values())
    assert leases.held_members("run", []) == {}


def test_a_lease_that_cannot_be_read_is_held_by_nobody_knows_whom(leases, client):
    client.set(NAME, b"\xff{", px=10_000)

    held = leases.hold(NAME, ONE, 30)

    assert held.holder is None
    assert leases.hold(NAME, ONE, 30, instead_of=held) is not None


def test_no_more_members_of_a_run_have_leases_than_its_limit_and_the_place_of_one_that_ends_is_free(leases, client):
    two, first, second, third = Limit(run_id="run", members=2), *(member_lease("run", index) for index in range(3))
    assert [leases.hold(name, ONE, 30, limit=two) for name in (first, second, first)] == [None, None, None]

    refused = leases.hold(third, OTHER, 30, limit=two)

    assert (refused.holder, 25 < refused.remaining_s <= 30) == (None, True)
    assert leases.remaining_s(third) is None
    assert count_training(client, ["run", "other"]) == {"run": 2, "other": 0}
    leases.release(second, ONE, limit=two)
    assert leases.hold(third, OTHER, 30, limit=two) is None


def test_a_member_whose_worker_died_keeps_its_place_under_the_limit_no_longer_than_its_lease(leases, client):
    one = Limit(run_id="run", members=1)
    leases.hold(NAME, ONE, 0.05, limit=one)
    while leases.remaining_s(NAME) is not None:
        time.sleep(0.01)

    assert leases.hold(member_lease("run", 4), OTHER, 30, limit=one) is None
    assert count_training(client, ["run"]) == {"run": 1}
