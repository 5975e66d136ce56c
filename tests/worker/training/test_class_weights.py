import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from deepchord.shared.errors import InputError
from deepchord.shared.messages import Recipe
from deepchord.worker.training.class_weights import class_weights

NAMES = ("cat", "dog", "1")


def recipe(**changes: object) -> Recipe:
    values = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 16, "epochs": 4}
    return Recipe.model_validate({**values, "validation_fraction": 0.2, "patience": 1, **changes})


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_balanced_weights_are_those_of_scikit_learn(labels: list[int]):
    found = class_weights(recipe(class_weights="balanced"), np.array(labels), tuple("abcde"))

    occurring = np.unique(labels)
    expected = compute_class_weight("balanced", classes=occurring, y=np.array(labels))
    np.testing.assert_allclose(found[occurring], expected, rtol=1e-6)
    assert np.isfinite(found).all()
    assert found[labels].mean() == pytest.approx(1, rel=1e-5)


def test_without_weights_there_are_none():
    assert class_weights(recipe(), np.arange(3), NAMES) is None


def test_a_class_is_named_by_its_name_or_else_its_index_and_the_others_weigh_1():
    found = class_weights(recipe(class_weights={"cat": 2, "1": 0.5}), np.arange(3), NAMES)

    assert found.tolist() == [2, 1, 0.5]
    assert class_weights(recipe(class_weights={0: 3}), np.arange(3), NAMES).tolist() == [3, 1, 1]


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({"dgo": 1}, "no class 'dgo'; did you mean 'dog'?"),
        ({"7": 1}, "no class '7'; valid are 1, cat, dog"),
        ({"0": 1, "cat": 2}, "cat and 0 are the same class|0 and cat are the same class"),
        ({"cat": 0, "dog": 0, "1": 0}, "all classes have the weight 0"),
    ],
)
def test_weights_that_fit_no_class_are_refused(weights: dict[str, float], sentence: str):
    with pytest.raises(InputError, match=sentence.replace("?", r"\?")):
        class_weights(recipe(class_weights=weights), np.arange(3), NAMES)
