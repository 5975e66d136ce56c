import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.messages import Recipe
from deepchord.worker.training.schedules import learning_rate

SCHEDULES = ("constant", "one_cycle", "cosine", "step", "exponential", "reduce_on_plateau")


def recipe(**changes: object) -> Recipe:
    values = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 16, "epochs": 4}
    return Recipe.model_validate({**values, "validation_fraction": 0.2, "patience": 1, **changes})


def rates_of(how: Recipe, steps: int) -> list[float]:
    return [learning_rate(how, step, steps) for step in range(steps)]


def test_a_constant_rate_stays():
    assert {learning_rate(recipe(), step, 100) for step in range(100)} == {0.1}


def test_one_cycle_rises_from_a_25th_to_the_highest_and_falls_to_almost_nothing():
    rates = [learning_rate(recipe(schedule="one_cycle"), step, 1000) for step in range(1000)]

    assert rates[0] == pytest.approx(0.1 / 25)
    assert max(rates) == rates[300] == pytest.approx(0.1)
    assert rates[:301] == sorted(rates[:301])
    assert rates[300:] == sorted(rates[300:], reverse=True)
    assert 0 < rates[-1] < 1e-6


@given(st.integers(1, 50))
def test_one_cycle_is_a_rate_for_every_step_of_any_training(steps: int):
    rates = [learning_rate(recipe(schedule="one_cycle"), step, steps) for step in range(steps)]

    assert all(0 < rate <= 0.1 for rate in rates)


def test_a_cosine_begins_at_the_highest_rate_and_ends_at_the_lowest():
    rates = rates_of(recipe(schedule="cosine", min_learning_rate=0.01), 1000)

    assert rates[0] == pytest.approx(0.1)
    assert rates[500] == pytest.approx(0.055)
    assert rates[-1] == pytest.approx(0.01, rel=1e-4)
    assert all(one > other for one, other in pairwise(rates))


def test_steps_are_taken_every_so_many_epochs():
    rates = rates_of(recipe(schedule="step", epochs=6, decay_epochs=2, decay_factor=0.5, warmup_epochs=1), 60)

    assert rates[9:30] == pytest.approx([0.1] * 21)
    assert rates[30:50] == pytest.approx([0.05] * 20)
    assert rates[50:] == pytest.approx([0.025] * 10)


def test_an_exponential_fall_is_as_deep_as_steps_but_even():
    how = {"epochs": 6, "decay_epochs": 2, "decay_factor": 0.5}
    even, steps = (rates_of(recipe(schedule=schedule, **how), 60) for schedule in ("exponential", "step"))

    assert even[::20] == pytest.approx(steps[::20])
    assert np.ptp([other / one for one, other in pairwise(even)]) < 1e-12


def test_no_schedule_falls_below_the_least_rate():
    for schedule in SCHEDULES:
        rates = rates_of(recipe(schedule=schedule, min_learning_rate=0.06, decay_epochs=1), 40)
        assert min(rates) >= 0.06, schedule


def test_the_rate_falls_each_time_that_the_loss_has_not_fallen_for_so_many_epochs():
    how = recipe(schedule="reduce_on_plateau", epochs=20, plateau_patience=2, decay_factor=0.1)
    losses = [3.0, 2.0, 2.0, 2.5, 1.0, 1.1, 1.1, 1.0, 1.0, 0.5]

    found = [round(-math.log10(learning_rate(how, 0, 20, losses[:epoch]) / 0.1)) for epoch in range(len(losses) + 1)]

    assert found == [0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3]


def test_the_losses_of_the_warm_up_lower_no_rate():
    how = recipe(schedule="reduce_on_plateau", epochs=20, plateau_patience=2, warmup_epochs=2.5)

    assert learning_rate(how, 100, 200, [1.0, 2.0, 3.0, 2.0, 2.0]) == 0.1
    assert learning_rate(how, 100, 200, [1.0, 2.0, 3.0, 2.0, 2.0, 2.0]) == pytest.approx(0.01)


@given(
    schedule=st.sampled_from([name for name in SCHEDULES if name != "one_cycle"]),
    epochs=st.integers(1, 8),
    steps_per_epoch=st.integers(1, 12),
    warmup=st.floats(0, 0.99),
    decay_epochs=st.integers(1, 4),
)
def test_every_rate_rises_evenly_in_the_warm_up_and_never_after(
    schedule: str, epochs: int, steps_per_epoch: int, warmup: float, decay_epochs: int
):
    how = recipe(schedule=schedule, epochs=epochs, warmup_epochs=warmup * epochs, decay_epochs=decay_epochs)
    steps = epochs * steps_per_epoch

    rates = rates_of(how, steps)

    rising = round(how.warmup_epochs * steps_per_epoch)
    assert rates[:rising] == pytest.approx([0.1 * (step + 1) / rising for step in range(rising)])
    assert rates[rising:] == sorted(rates[rising:], reverse=True)
    assert rates[rising : rising + 1] in ([], [pytest.approx(0.1)])
    assert all(0 < rate <= 0.1 for rate in rates)
