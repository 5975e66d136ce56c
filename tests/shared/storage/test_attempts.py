from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.storage import Attempt, SavedEpoch, failures_in_a_row, furthest_epochs_first


def attempt(number: int, *epochs: int, handed_over: bool = False) -> Attempt:
    saved = tuple(SavedEpoch(attempt=number, epoch=epoch, sha256=f"{number}{epoch}") for epoch in epochs)
    return Attempt(number=number, saved=saved, handed_over=handed_over)


def test_a_member_without_attempts_has_no_failures():
    assert failures_in_a_row(()) == 0


def test_attempts_that_save_nothing_are_failures():
    assert failures_in_a_row((attempt(1), attempt(2), attempt(3))) == 3


def test_an_attempt_that_got_further_is_the_first_failure_of_a_new_row():
    assert failures_in_a_row((attempt(1), attempt(2), attempt(3, 1))) == 1
    assert failures_in_a_row((attempt(1, 1, 2), attempt(2), attempt(3))) == 3


def test_a_member_that_gets_on_by_an_epoch_each_time_is_never_given_up():
    assert failures_in_a_row(attempt(number, number) for number in range(1, 50)) == 1


def test_epochs_that_were_saved_before_are_no_progress():
    assert failures_in_a_row((attempt(1, 1, 2), attempt(2, 2), attempt(3, 1))) == 3


def test_an_attempt_that_was_handed_over_is_no_failure():
    handed_over = attempt(2, handed_over=True)
    assert failures_in_a_row((attempt(1), handed_over, attempt(3))) == 2
    assert failures_in_a_row((attempt(1, 1, handed_over=True),)) == 0


def test_the_state_from_which_least_is_left_comes_first():
    attempts = (attempt(1, 2, 3), attempt(2, 4), attempt(3, 3))

    assert [(saved.epoch, saved.attempt) for saved in furthest_epochs_first(attempts)] == [
        (4, 2),
        (3, 3),
        (3, 1),
        (2, 1),
    ]


@given(st.lists(st.tuples(st.lists(st.integers(1, 5)), st.booleans()), max_size=12))
def test_there_are_never_more_failures_than_attempts(found):
    attempts = [attempt(number, *epochs, handed_over=left) for number, (epochs, left) in enumerate(found, 1)]

    assert 0 <= failures_in_a_row(attempts) <= len([left for _, left in found if not left])
