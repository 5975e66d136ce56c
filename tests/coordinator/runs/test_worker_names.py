import re

import pytest

from deepchord.coordinator.runs import shorten_names
from deepchord.coordinator.runs.worker_names import match_workers
from deepchord.shared.errors import InputError

CONNECTED = ["celery@p1", "celery@p11", "celery@w1", "celery@w12", "torch-1@box", "torch-2@box", "odd[1]@box"]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("celery@p1", ["celery@p1"]),
        ("p1", ["celery@p1"]),  # though p11 has it in its name, too
        ("p11", ["celery@p11"]),
        ("torch-2", ["torch-2@box"]),
        ("h-2", ["torch-2@box"]),
        ("w1*", ["celery@w1", "celery@w12"]),
        ("*@box", ["torch-1@box", "torch-2@box", "odd[1]@box"]),
        ("torch-?", ["torch-1@box", "torch-2@box"]),
        ("celery@p[0-9]", ["celery@p1"]),
        ("*", CONNECTED),
        ("odd[1]@box", ["odd[1]@box"]),
    ],
)
def test_a_worker_is_meant_by_its_name_by_any_part_that_only_it_has_or_by_a_pattern(asked, meant):
    assert match_workers(asked, CONNECTED) == meant


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("torch", "torch could mean torch-1@box, torch-2@box: give more of the name, or a pattern such as '*torch*'"),
        ("box", "box could mean torch-1@box, torch-2@box, odd[1]@box: give more"),
        ("mac", "No connected worker is called mac; connected are: celery@p1, celery@p11"),
        ("mac*", "No connected worker is called mac*; connected are:"),
        ("", "No connected worker is called nothing; connected are:"),
    ],
)
def test_what_means_no_worker_or_several_is_refused_with_their_names(asked, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        match_workers(asked, CONNECTED)


def test_names_are_cut_on_the_left_unless_two_would_look_alike():
    assert shorten_names(["tensorflow-1@box", "torch-2@box"], 9) == ["…ow-1@box", "…ch-2@box"]
    assert shorten_names(["short@box"], 9) == ["short@box"]
    assert shorten_names(["one@a-long-name", "two@a-long-name"], 9) == ["one@a-long-name", "two@a-long-name"]
