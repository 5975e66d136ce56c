"""Whose a run is, and who is asked before it is changed."""

from datetime import UTC, datetime

import psutil
import pytest

from deepchord.coordinator.runs import check_owner, owner_of, plan_request, plan_run, tags_of
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.settings import Settings

DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(28, 28, 1), class_names=("0", "1"), train_size=10, test_size=5
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))


def run_of(owner: str | None, **options: object) -> RunSpec:
    return plan_run(plan_request(None, options), TINY, DATASET, max_attempts=3, now=datetime.now(UTC), owner=owner)


@pytest.mark.parametrize(
    ("broker", "expected"),
    [
        (None, "{user}@box"),
        ("redis://:password@127.0.0.1:6379/0", "{user}@box"),
        ("redis://default:password@127.0.0.1:6379/0", "{user}@box"),
        ("redis://al%C3%ADce:password@127.0.0.1:6379/0", "alíce"),
        ("unix://alice:password@/run/redis.sock?db=0", "alice"),
    ],
)
def test_the_owner_is_the_user_at_the_broker_or_else_the_user_of_the_machine(broker, expected, monkeypatch):
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")

    user = psutil.Process().username()

    assert owner_of(Settings(broker=broker, host="box")) == expected.format(user=user)


def test_with_a_broker_of_its_own_a_command_has_no_user_at_the_broker():
    settings = Settings(broker="redis://alice:password@127.0.0.1:6379/0", host="box", local=True)

    assert owner_of(settings).endswith("@box")


def test_only_the_run_of_somebody_else_is_asked_about():
    here = Settings(host="box")
    at_broker = Settings(host="box", broker="redis://alice:password@127.0.0.1:6379/0")

    for run in (run_of(owner_of(here)), run_of(None)):
        check_owner(here, run, "cancel", force=False)
    # What one submitted without a broker is one's own still.
    for run in (run_of("alice"), run_of(owner_of(here))):
        check_owner(at_broker, run, "cancel", force=False)
    other = run_of("bob@box")
    check_owner(here, other, "cancel", force=True)
    with pytest.raises(InputError) as refused:
        check_owner(here, other, "cancel", force=False)
    assert str(refused.value) == (
        f"Run {other.run_id} belongs to bob@box, and you are {owner_of(here)}: to cancel it all the same, give "
        "--force (in Python force=True)."
    )


def test_name_and_tags_of_a_request_are_those_of_its_run(write):
    recipe = write("name = 'baseline'\ntags = { study = 'dropout' }")

    run = plan_run(plan_request(recipe, {"name": None, "tags": None}), TINY, DATASET, max_attempts=3)
    other = plan_run(plan_request(recipe, {"name": "other", "tags": {"a": "b"}}), TINY, DATASET, max_attempts=3)

    assert (run.labels.owner, run.labels.name, run.labels.tags) == (None, "baseline", {"study": "dropout"})
    assert (other.labels.name, other.labels.tags) == ("other", {"a": "b"})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "last"}, "last means the latest run, or a run by its id: give another name"),
        ({"name": "20260504-030201-ab12"}, "20260504-030201-ab12 means the latest run, or a run by its id"),
        ({"name": "../x"}, r"a run's name has up to 64 of A-Z a-z 0-9 \. _ -, found '\.\./x'"),
        ({"tags": {"a b": "c"}}, "a run has up to 50 tags, .*, found 'a b'"),
        ({"tags": {"a": "line\nline"}}, "found 'a'"),
        ({"tags": {f"k{n}": "" for n in range(51)}}, "found 51"),
    ],
)
def test_a_name_that_means_another_run_and_tags_that_cannot_be_listed_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        plan_request(None, options)


def test_tags_are_typed_with_an_equals_sign():
    assert tags_of(None) is None
    assert tags_of(["a=b", "formula=x=y", "empty="]) == {"a": "b", "formula": "x=y", "empty": ""}
    with pytest.raises(InputError, match=r"--tag is 'a': expected KEY=VALUE"):
        tags_of(["a"])
