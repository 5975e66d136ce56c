import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from deepchord.shared.uncertainty import area_under_roc, class_scores
from deepchord.worker.evaluation import score
from deepchord.worker.evaluation.metrics import RunningMean, balanced, confusion, misclassified


@st.composite
def predictions(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Probabilities [size, classes], some of them zero or one, and labels [size]."""
    size, classes = draw(st.integers(1, 30)), draw(st.integers(2, 6))
    powers = draw(hnp.arrays(np.float64, (size, classes), elements=st.sampled_from([0.0, 1e-9, 0.3, 1.0, 7.0])))
    powers[:, 0] += powers.sum(axis=1) == 0
    labels = draw(hnp.arrays(np.int64, size, elements=st.integers(0, classes - 1)))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32), labels


@given(drawn=predictions())
def test_the_scores_are_those_of_scikit_learn(drawn: tuple[NDArray[np.float32], NDArray[np.int64]]):
    probabilities, labels = drawn
    classes = np.arange(probabilities.shape[1])
    clipped = np.clip(probabilities.astype(np.float64), 1e-7, 1)

    found = score(probabilities, labels)

    chosen = clipped[np.arange(len(labels)), labels]
    assert found.loss == pytest.approx(-np.log(chosen).mean(), abs=1e-9)
    if (probabilities > 1e-6).all():
        assert found.loss == pytest.approx(
            log_loss(labels, clipped / clipped.sum(1)[:, None], labels=classes), abs=1e-5
        )
    assert found.accuracy == pytest.approx(accuracy_score(labels, probabilities.argmax(axis=1)))


def test_the_loss_is_that_of_scikit_learn_on_many_images():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(10), 500).astype(np.float32)
    labels = generator.integers(0, 10, 500)

    exact = probabilities.astype(np.float64)
    expected = log_loss(labels, exact / exact.sum(axis=1, keepdims=True), labels=np.arange(10))

    assert score(probabilities, labels).loss == pytest.approx(expected, rel=1e-5)


def test_a_probability_of_zero_costs_as_much_as_in_keras_and_no_more():
    found = score(np.array([[0.0, 1.0]], np.float32), np.array([0]))

    assert found.loss == pytest.approx(-math.log(1e-7))
    assert found.accuracy == 0


def test_a_softmax_a_little_above_one_gives_no_negative_loss():
    assert score(np.array([[1.0000001, 0.0]], np.float32), np.array([0])).loss == 0


@given(drawn=predictions())
def test_the_confusion_counts_actual_classes_in_rows(drawn: tuple[NDArray[np.float32], NDArray[np.int64]]):
    probabilities, labels = drawn
    classes = probabilities.shape[1]

    found = confusion(probabilities, labels)

    expected = [[0] * classes for _ in range(classes)]
    for row, label in zip(probabilities, labels, strict=True):
        expected[label][int(np.argmax(row))] += 1
    assert [list(row) for row in found] == expected
    matrix = confusion_matrix(labels, probabilities.argmax(1), labels=np.arange(classes))
    np.testing.assert_array_equal(found, matrix)
    scores = balanced(probabilities, labels)
    assert scores.balanced_accuracy == pytest.approx(class_scores(matrix).balanced_accuracy)
    assert scores.macro_f1 == pytest.approx(class_scores(matrix).macro_f1)
    assert scores.area_under_roc == area_under_roc(probabilities, labels)


@given(drawn=predictions(), limit=st.integers(0, 10))
def test_the_misclassified_are_the_first_wrong_ones_in_order(
    drawn: tuple[NDArray[np.float32], NDArray[np.int64]], limit: int
):
    probabilities, labels = drawn

    found = misclassified(probabilities, labels, limit)

    wrong = [index for index, row in enumerate(probabilities) if int(np.argmax(row)) != labels[index]]
    assert [item.test_index for item in found] == wrong[:limit]
    for item in found:
        row = probabilities[item.test_index]
        assert item.actual == labels[item.test_index]
        assert item.predicted == int(np.argmax(row))
        assert item.predicted_probability == pytest.approx(float(row.max()))
        assert item.actual_probability == pytest.approx(float(row[item.actual]))
        assert item.predicted_probability >= item.actual_probability


def test_at_most_fifty_misclassified_images_are_listed():
    probabilities = np.tile(np.array([0.1, 0.9], np.float32), (70, 1))

    assert [item.test_index for item in misclassified(probabilities, np.zeros(70, np.int64))] == list(range(50))


@given(
    members=st.integers(1, 6).flatmap(
        lambda count: hnp.arrays(np.float32, (count, 4, 3), elements=st.floats(0, 1, width=32))
    )
)
def test_the_running_mean_is_the_mean_of_all_members(members: NDArray[np.float32]):
    mean = RunningMean(4, 3)
    for member in members:
        mean.add(member)

    found = mean.mean()

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, members.astype(np.float64).mean(axis=0), atol=1e-7)


def test_the_running_mean_does_not_lose_small_probabilities_among_many_members():
    mean = RunningMean(1, 2)
    for _ in range(3000):
        mean.add(np.array([[0.9999999, 1e-7]], np.float32))

    np.testing.assert_allclose(mean.mean(), [[0.9999999, 1e-7]], rtol=1e-6)


def test_the_running_mean_leaves_what_it_is_given_as_it_is():
    mean, member = RunningMean(1, 2), np.array([[0.25, 0.75]], np.float32)

    mean.add(member)
    mean.add(member)

    np.testing.assert_array_equal(member, [[0.25, 0.75]])
