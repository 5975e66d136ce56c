"""Which runs a list shows."""

from datetime import UTC, datetime

import pytest

from deepchord.coordinator.monitoring import run_filter
from deepchord.shared.errors import InputError
from deepchord.shared.messages import RunLabels
from tests.shared.storage.examples import run_spec

NOW = datetime(2026, 5, 10, 3, 2, 1, tzinfo=UTC)
#: Of 2026-05-04 03:02:01.
RUN = run_spec().model_copy(
    update={"labels": RunLabels(owner="alice@box", name="one", tags={"study": "dropout", "note": ""})}
)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({"owner": "alice@box"}, True),
        ({"owner": "alice"}, True),
        ({"owner": "box"}, False),
        ({"owner": "ali"}, False),
        ({"since": "6d"}, True),
        ({"since": "5d"}, False),
        ({"since": "2026-05-04"}, True),
        ({"since": "2026-05-04T05:00+02:00"}, True),
        ({"since": "2026-05-04T03:03"}, False),
        ({"tags": ["study"]}, True),
        ({"tags": ["study=dropout", "note="]}, True),
        ({"tags": ["study=other"]}, False),
        ({"tags": ["study", "absent"]}, False),
        ({"owner": "alice", "since": "5d"}, False),
    ],
)
def test_a_run_is_listed_if_it_is_all_that_was_asked_for(options, expected):
    given = {"owner": None, "state": None, "since": None, "tags": None} | options

    assert run_filter(**given, now=NOW).fits(RUN) is expected


def test_a_run_without_an_owner_is_nobodys():
    assert not run_filter("alice", None, None, None, NOW).fits(run_spec())


def test_a_state_is_one_that_lists_tell():
    assert run_filter(None, None, None, None, NOW).fits_state("failed")
    assert not run_filter(None, "evaluated", None, None, NOW).fits_state("failed")
    with pytest.raises(InputError, match=r"There is no state 'finished'; did you mean 'unfinished'\?"):
        run_filter(None, "finished", None, None, NOW)


def test_what_is_no_time_is_refused():
    with pytest.raises(InputError, match=r"--since is 'yesterday': expected how long ago, 12h or 7d, or a date in UTC"):
        run_filter(None, None, "yesterday", None, NOW)
