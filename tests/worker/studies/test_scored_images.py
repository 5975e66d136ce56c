import dataclasses

import numpy as np
import pytest

from deepchord.shared.datasets import Dataset
from deepchord.shared.errors import InputError
from deepchord.shared.messages import StratifiedSplit
from deepchord.worker.studies.scored_images import scored_alone, with_classes_of


def named(*names: str, **changes: object) -> Dataset:
    """A data set whose images of class k are all k, six of each for training and two for the test."""
    labels = np.arange(len(names))
    parts = {
        f"{what}_{part}": np.repeat(labels, times) if what == "y" else images(np.repeat(labels, times))
        for part, times in (("train", 6), ("test", 2))
        for what in "xy"
    }
    return dataclasses.replace(Dataset(name="other", class_names=names, **parts), **changes)


def images(labels: np.ndarray) -> np.ndarray:
    return np.broadcast_to(labels[:, None, None, None], (len(labels), 2, 2, 1)).astype(np.uint8)


TRAINED_ON = named("cat", "dog", "owl")


@pytest.mark.parametrize("names", [("owl", "cat", "dog"), ("owl", "dog"), ("cat", "dog", "owl"), ("0", "1", "2")])
def test_labels_count_the_classes_of_the_run(names):
    other = named(*names)

    found = with_classes_of(other, TRAINED_ON, "run")

    meant = names if "cat" in names or "owl" in names else TRAINED_ON.class_names
    assert found.class_names == TRAINED_ON.class_names
    assert [found.class_names[label] for label in found.y_test] == [meant[label] for label in other.y_test]
    assert [found.class_names[label] for label in found.y_train] == [meant[label] for label in other.y_train]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("cat", "fox"), "other has the class fox, and run R was trained on cat, dog, owl: give"),
        (("0", "1"), "other has the classes 0, 1, and run R was trained on"),
        (tuple("abcdef"), "other has the classes a, b, c, d and 2 more, and run R"),
    ],
)
def test_classes_that_the_run_does_not_know_are_refused_by_their_names(names, sentence):
    with pytest.raises(InputError, match=sentence):
        with_classes_of(named(*names), TRAINED_ON, "R")


def test_all_images_score_where_nothing_says_which_are_for_a_test():
    drawn = named("cat", "dog", split=StratifiedSplit(share=0.25, seed=0))

    found, (note,) = scored_alone(drawn)

    assert np.bincount(found.y_test).tolist() == [8, 8]
    assert np.array_equal(found.x_test[:, 0, 0, 0], found.y_test)
    assert found.split is None
    assert (note.level, note.text) == ("note", "Nothing says which images of other are for a test: all 16 are.")


def test_test_images_that_were_given_score_alone():
    assert scored_alone(TRAINED_ON) == (TRAINED_ON, ())
