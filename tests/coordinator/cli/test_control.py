"""The commands that change runs under way, as people meet them."""

import json

import pytest

from deepchord.shared.messages import RunLabels
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore, keys
from tests.coordinator.cli.processes import sentence_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("cancel", "last", "--member", "2"), "has the members 0 to 1, no member 2."),
        (("cancel", "nothing"), "There is no run 'nothing'"),
        (("extend", "last", "--members", "2"), "has 2 members: give a larger number"),
        (("extend", "last", "--members", "3", "--min-members", "4"), "min_members is 4, more than the 3 members"),
        (("resume", "last", "--detach"), "--detach needs a broker that outlives this command"),
        (("reconcile",), "Give either a run or --all."),
        (("reconcile", "last", "--all"), "Give either a run or --all."),
        (("reconcile", "last", "--alive", "file"), "--alive is for --all"),
        (("reconcile", "--all"), "No broker is given"),
        (("reconcile", "last"), "No broker is given"),
        (("drain", "worker@here"), "No broker is given"),
        (("queue",), "No broker is given"),
        (("priority", "last", "highest"), "priority: input should be 'low', 'normal' or 'high', found 'highest'"),
        (("priority", "nothing", "low"), "There is no run 'nothing'"),
    ],
)
def test_what_cannot_be_steered_is_said_in_a_sentence(command, stored_run, arguments, sentence):
    assert sentence in sentence_of(command(*arguments))


def test_a_cancelled_run_is_listed_as_cancelled_and_watching_it_says_how_to_go_on(command, stored_run):
    cancelled = command("cancel", "last")

    assert (cancelled.returncode, cancelled.stderr) == (0, "")
    assert cancelled.stdout == (
        f"Run {stored_run.run_id} is cancelled; `deepchord resume {stored_run.run_id}` goes on with it.\n"
    )
    (line,) = json.loads(command("runs", "--json").stdout)
    assert line["state"] == "cancelled"
    watched = command("watch", "last")
    assert watched.returncode == 5
    assert f"`deepchord resume {stored_run.run_id}` goes on from there" in watched.stderr


def test_the_run_of_somebody_else_is_listed_as_theirs_and_changed_only_by_force(command, stored_run, tmp_path):
    store = RunStore.open(Settings(storage=str(tmp_path / "storage")))
    labels = RunLabels(owner="bob@box", name="baseline", tags={"study": "dropout"})
    store.objects.replace(keys.run(stored_run.run_id), stored_run.model_copy(update={"labels": labels}).encode())

    for arguments in (("cancel", "baseline"), ("resume", "last"), ("extend", "baseline", "--members", "3")):
        assert f"Run {stored_run.run_id} belongs to bob@box, and you are " in sentence_of(command(*arguments))
    assert not store.is_cancelled(stored_run.run_id)
    forced = command("cancel", "baseline", "--force")
    assert (forced.returncode, forced.stderr) == (0, "")

    status = command("status", "baseline").stdout
    assert "Owner: bob@box, name: baseline, tags: study=dropout" in status
    listed = command("runs", "--owner", "bob", "--tag", "study", "--state", "cancelled").stdout
    assert all(word in listed for word in (stored_run.run_id, "baseline", "bob@box"))
    assert "is of that kind; `deepchord runs` lists all 1." in command("runs", "--since", "2026-05-05").stdout
    (line,) = json.loads(command("runs", "--json").stdout)
    assert (line["owner"], line["name"], line["tags"]) == ("bob@box", "baseline", {"study": "dropout"})
    assert "There is no state 'done'" in sentence_of(command("runs", "--state", "done"))
