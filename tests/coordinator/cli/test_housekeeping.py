"""The commands that keep storage in order, as people meet them."""

import json

import pytest

from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore, keys
from tests.coordinator.cli.processes import sentence_of
from tests.coordinator.housekeeping.examples import evaluated, submitted

pytestmark = pytest.mark.slow


@pytest.fixture
def stored(tmp_path) -> RunStore:
    return RunStore.open(Settings(storage=str(tmp_path / "storage")))


def test_a_run_is_deleted_once_and_only_when_it_has_ended(command, stored):
    run, going_on = evaluated(stored, name="done", owner="bob@box"), submitted(stored, name="going-on")

    assert "has not ended: wait for that, or `deepchord cancel" in sentence_of(command("delete", "going-on"))
    assert "belongs to bob@box" in sentence_of(command("delete", "done"))
    deleted = command("delete", "done", "--force")

    assert (deleted.returncode, deleted.stderr) == (0, "")
    assert deleted.stdout.startswith(f"Run {run.run_id} is deleted: ")
    assert stored.run_ids() == [going_on.run_id]
    assert "There is no run 'done'" in sentence_of(command("delete", "done"))
    stored.objects.replace(keys.run(going_on.run_id), b"{}")
    assert "is not a valid RunSpec" in sentence_of(command("delete", going_on.run_id))
    assert command("delete", going_on.run_id, "--force").returncode == 0
    assert stored.run_ids() == []


def test_what_would_be_pruned_is_said_first_and_done_when_asked_for(command, stored):
    run, other = evaluated(stored, name="mine"), evaluated(stored, brightness=1, owner="bob@box")
    before = list(stored.objects.list(""))

    said = command("prune", "--older-than", "1d", "--keep-weights", "best")

    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines()[0].startswith(
        f"run {run.run_id}: the weights of 1 member and 5 files that no record"
    )
    assert "left, for they belong to others (--force): 1 run\n" in said.stdout
    assert "would be free; nothing was removed: --yes does it." in said.stdout
    assert list(stored.objects.list("")) == before
    planned = json.loads(command("prune", "--older-than", "1d", "--keep-weights", "best", "--json").stdout)
    done = json.loads(command("prune", "--older-than", "1d", "--keep-weights", "best", "--yes", "--json").stdout)
    assert set(before) - set(stored.objects.list("")) == set(planned["runs"][run.run_id])
    assert (planned["freed_bytes"], done["freed_bytes"], planned["of_others"]) == (
        None,
        planned["bytes"],
        [other.run_id],
    )
    assert command("prune", "--older-than", "1d").stdout.endswith("There is nothing to remove.\n")
    assert "has no more than its results" in sentence_of(command("extend", "mine", "--members", "3"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("prune", "--older-than", "soon"), "--older-than is 'soon': expected minutes, hours, days or weeks"),
        (("prune", "--keep-weights", "some"), "--keep-weights is 'some'; valid are all, best, none"),
        (("compare", "last"), "Give at least two runs to compare."),
        (("import-run", "absent.zip"), "absent.zip cannot be read: No such file or directory."),
        (("export-run", "last", "--out", "run.zip"), "has not ended"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(command, stored_run, arguments, sentence):
    assert sentence in sentence_of(command(*arguments))


def test_a_run_is_carried_to_another_storage_and_compared_there(command, stored, tmp_path):
    run = evaluated(stored, name="one")
    elsewhere = str(tmp_path / "elsewhere")

    exported = command("export-run", "one", "--out", "one.zip")
    imported = command("import-run", "one.zip", "--storage", elsewhere)

    assert (exported.returncode, exported.stderr) == (imported.returncode, imported.stderr) == (0, "")
    assert imported.stdout == f"Run {run.run_id} is in {elsewhere}; `deepchord status {run.run_id}` shows it.\n"
    there = RunStore.open(Settings(storage=elsewhere))
    other = evaluated(there, name="two", epochs=17, brightness=1)
    compared = command("compare", "one", "two", "--storage", elsewhere)
    assert "warning: these runs have different data sets" in compared.stderr
    rows = {line.split("  ")[0].strip(): line.split() for line in compared.stdout.splitlines()}
    assert rows["epochs"][-1] == "17"
    assert rows["test accuracy"][-2:] == ["0.9", "0.9"]
    found = json.loads(command("compare", "one", "two", "--storage", elsewhere, "--json").stdout)
    assert found["runs"] == [run.run_id, other.run_id]
