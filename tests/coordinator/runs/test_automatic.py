"""When members are added to a run that asked for as many as help."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.runs import plan_extension, plan_request, plan_run
from deepchord.coordinator.runs.automatic import decide_members, enough_members
from deepchord.coordinator.runs.planning import first_members
from deepchord.shared.errors import InputError
from deepchord.shared.messages import AutoMembers, DatasetInfo, MemberGain, NumberGain, Recipe, RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten
from tests.coordinator.evaluated_run import evaluation_with, gain_of, numbers_with

DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(28, 28, 1), class_names=("0", "1"), train_size=10, test_size=5
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))


def gain(slope: float, members: int, floor: float = 0.2) -> MemberGain:
    """Return the gain of an ensemble whose loss is floor + slope / members."""
    return MemberGain(
        images=9, members_per_image=2, loss=floor + slope / members, fall=slope / (members * (members + 1))
    )


@given(
    slope=st.floats(0, 1),
    floor=st.floats(0.01, 1),
    members=st.integers(1, 30),
    at_most=st.integers(1, 40),
    least=st.floats(1e-4, 0.5),
)
def test_enough_is_the_first_number_whose_next_member_brings_too_little(slope, floor, members, at_most, least):
    found = enough_members(gain(slope, members, floor), AutoMembers(at_most=at_most, least_fall=least), members)

    def share(number: int) -> float:
        here, there = floor + slope / number, floor + slope / (number + 1)
        return (here - there) / here

    assert members <= found <= max(at_most, members)
    assert all(share(number) > least * (1 - 1e-6) for number in range(members, found))
    if found < at_most:
        assert share(found) < least * (1 + 1e-6)


@given(
    slope=st.floats(0, 1),
    floor=st.floats(-5, 5),
    members=st.integers(1, 30),
    at_most=st.integers(1, 40),
    least=st.floats(1e-4, 0.5),
)
def test_of_numbers_enough_is_told_in_nats_for_their_loss_may_be_negative(slope, floor, members, at_most, least):
    loss, fall = floor + slope / members, slope / (members * (members + 1))
    known = NumberGain(rows=9, members_per_row=2, loss=loss, fall=fall)

    found = enough_members(known, AutoMembers(at_most=at_most, least_fall=least), members)

    falls = {number: slope / (number * (number + 1)) for number in range(members, found + 1)}
    assert members <= found <= max(at_most, members)
    assert all(falls[number] > least * (1 - 1e-6) for number in range(members, found))
    if found < at_most:
        assert falls[found] < least * (1 + 1e-6)


@pytest.mark.parametrize(
    ("recipe", "at_most", "first"),
    [
        ({"validation_fraction": 0.2}, 20, 10),
        ({"validation_fraction": 0.1}, 20, 20),
        ({"validation_fraction": 0.2}, 6, 6),
        ({"validation_fraction": 0.2, "calibration_fraction": 0.05}, 20, 4),
    ],
)
def test_a_run_begins_with_members_enough_that_two_hold_out_each_image(recipe, at_most, first):
    usual = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 8, "epochs": 1, "patience": 1}

    assert first_members(Recipe.model_validate(usual | recipe), at_most) == first


def test_auto_is_asked_for_in_words_and_has_its_own_options():
    request = plan_request(None, {"members": "auto", "at_most": 12})

    assert request.auto() == AutoMembers(at_most=12, least_fall=0.005)
    assert plan_request(None, {"members": "7"}).members == 7
    assert plan_request(None, {"members": "7"}).auto() is None
    with pytest.raises(InputError, match='at_most and least_fall are for members = "auto"'):
        plan_request(None, {"members": "7", "at_most": 12})
    with pytest.raises(InputError, match=r"members: .*found 'many'"):
        plan_request(None, {"members": "many"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"preset": "best", "calibration_fraction": 0, "validation_fraction": 0.05},
            "with validation_fraction = 0.05 that takes 40 members, and at_most is 20",
        ),
        ({"min_members": 21}, "min_members is 21, more than the 20 members of at_most"),
    ],
)
def test_what_could_never_be_decided_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        plan_request(None, {"members": "auto", **options})


def test_members_that_are_added_do_not_raise_how_many_must_be_trained():
    def after(**options: int) -> list[int]:
        run = plan_run(plan_request(None, {"members": "auto", **options}), TINY, DATASET, max_attempts=3)
        grown = [run]
        for members in (6, 9, 13):
            grown.append(plan_extension(grown[-1], members, None, automatic=True))
        return [each.min_members for each in grown]

    assert after() == [2, 2, 2, 2]
    assert after(min_members=3) == [3, 3, 3, 3]
    assert after(min_members=10) == [4, 6, 9, 10]


def test_a_person_who_extends_a_run_decides_its_number():
    request = plan_request(None, {"members": "auto", "at_most": 9})
    run = plan_run(request, TINY, DATASET, max_attempts=3)

    assert (run.members, run.min_members, run.auto) == (4, 2, AutoMembers(at_most=9, least_fall=0.005))
    assert plan_extension(run, 6, None, automatic=True).auto == run.auto
    assert plan_extension(run, 6, None).auto is None


def automatic(members: int, at_most: int) -> RunSpec:
    request = plan_request(None, {"members": "auto", "at_most": at_most})
    return plan_run(request, TINY, DATASET, max_attempts=3).model_copy(update={"members": members})


@pytest.mark.parametrize(
    ("members", "share", "extended", "reason"),
    [
        (4, 0.1, 6, "More members still help: 2 more, 6 in all."),
        (8, 0.1, 9, "More members still help: 1 more, 9 in all."),
        (4, 0.001, None, "has enough members, 4: one more would lower the loss by 0.10 %, and 0.5 % is asked for."),
        (9, 0.001, None, "has enough members, 9: one more would lower the loss by 0.10 %, and 0.5 % is asked for."),
        (
            9,
            0.012,
            None,
            "has the 9 members that it may have at most: one more would lower the loss by 1.20 %, and from 0.5 % on "
            "more would help.",
        ),
    ],
)
def test_the_real_reason_for_the_number_of_members_is_told(members, share, extended, reason):
    run = automatic(members, at_most=9)

    decision = decide_members(run, evaluation_with(run, gain_of(share)))

    assert (None if decision.extended is None else decision.extended.members) == extended
    assert decision.reason.endswith(reason)


@pytest.mark.parametrize(
    ("members", "fall", "extended", "reason"),
    [
        (4, 0.1, 6, "More members still help: 2 more, 6 in all."),
        (4, 0.001, None, "one more would lower the loss by 0.0010 nats, and 0.005 nats is asked for."),
        (9, 0.01, None, "may have at most: one more would lower the loss by 0.0100 nats, and from 0.005 nats on more"),
        (4, None, None, "no image was held out by two, so nobody knows if they help."),
    ],
)
def test_a_run_of_numbers_gets_members_as_long_as_its_loss_falls(members, fall, extended, reason):
    run = automatic(members, at_most=9)
    gain = None if fall is None else NumberGain(rows=9, members_per_row=2, loss=-0.5, fall=fall)

    decision = decide_members(run, numbers_with(run, gain))

    assert (None if decision.extended is None else decision.extended.members) == extended
    assert reason in decision.reason


def test_where_nobody_knows_what_helps_no_members_are_added():
    run = automatic(4, at_most=9)

    decision = decide_members(run, evaluation_with(run, None))

    assert decision.extended is None
    assert "no image was held out by two" in decision.reason


def test_nothing_is_decided_before_an_evaluation_and_of_runs_that_did_not_ask():
    run = automatic(4, at_most=9)

    assert decide_members(run, None) is None
    assert decide_members(run.model_copy(update={"auto": None}), evaluation_with(run, gain_of(0.1))) is None
