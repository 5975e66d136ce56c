"""The commands that show runs, as people meet them."""

import json

import pytest

from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from tests.coordinator.cli.processes import sentence_of

pytestmark = pytest.mark.slow


def test_a_port_that_is_taken_is_named(command, broker_url, tmp_path):
    port = broker_url.rpartition(":")[2].partition("/")[0]

    sentence = sentence_of(command("flower", "--broker", broker_url, "--port", port))

    assert sentence.startswith(f"Flower's port {port} is taken")


@pytest.mark.parametrize(
    ("name", "run_id"),
    [
        ("status", "20260101-000000-none"),
        ("watch", "20260101-000000-none"),
        ("collect", "20260101-000000-none"),
        ("report", "20260101-000000-none"),
        ("status", "../../etc"),
        ("collect", ""),
    ],
)
def test_a_run_that_does_not_exist_is_named(command, tmp_path, name, run_id):
    sentence = sentence_of(command(name, run_id))

    assert sentence == f"There is no run {run_id!r} in {tmp_path / 'storage'}; `deepchord runs` lists those there are."
    assert not (tmp_path / "storage").exists()
    assert list((tmp_path / "here").iterdir()) == []


def test_without_any_run_there_is_no_last_one(command, tmp_path):
    sentence = sentence_of(command("status", "last"))

    assert sentence == f"There are no runs in {tmp_path / 'storage'} yet; `deepchord train` starts one."


def test_a_run_whose_record_is_damaged_is_named(command, stored_run, tmp_path):
    path = tmp_path / "storage" / "runs" / stored_run.run_id / "run.json"
    path.write_text(path.read_text().replace("architecture", "architektur"))

    sentence = sentence_of(command("status", stored_run.run_id))

    assert f"runs/{stored_run.run_id}/run.json is not a valid RunSpec" in sentence
    assert "unknown option 'architektur'; did you mean 'architecture'" in sentence


def test_without_runs_the_list_says_how_to_start_one(command, tmp_path):
    ended = command("runs")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"There are no runs in {tmp_path / 'storage'} yet; `deepchord train` starts one.\n"
    assert json.loads(command("runs", "--json").stdout) == []


def test_runs_lists_a_run_that_has_not_ended(command, stored_run):
    shown = command("runs")
    (line,) = json.loads(command("runs", "--json").stdout)

    assert shown.returncode == 0
    assert stored_run.run_id in shown.stdout
    assert "0/2" in shown.stdout
    assert (line["state"], line["ended"], line["ensemble_test_accuracy"]) == ("unfinished", 0, None)


@pytest.mark.parametrize("name", ["last", "the id"])
def test_status_of_a_run_that_nobody_trains(command, stored_run, name):
    run_id = stored_run.run_id if name == "the id" else name

    shown = command("status", run_id)
    view = json.loads(command("status", run_id, "--json").stdout)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert "0 of 2 trained · waiting" in shown.stdout
    assert "no broker answers here: this is what storage tells" in " ".join(shown.stdout.split())
    assert (view["run_id"], view["state"], view["live"]) == (stored_run.run_id, "waiting", False)


def test_status_does_without_a_broker_that_is_away(command, stored_run, free_port):
    ended = command("status", "last", "--json", "--broker", f"redis://127.0.0.1:{free_port}/0")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["live"] is False


@pytest.mark.parametrize("name", ["collect", "report"])
def test_a_run_without_an_evaluation_cannot_be_collected_yet(command, stored_run, tmp_path, name):
    sentence = sentence_of(command(name, "last"))

    assert sentence == (
        f"Run {stored_run.run_id} is not evaluated yet: 0 of 2 members have ended; "
        f"`deepchord watch {stored_run.run_id}` follows it, and if nobody trains it any more, "
        f"`deepchord resume {stored_run.run_id}` goes on."
    )
    assert list((tmp_path / "here").iterdir()) == []


def test_a_run_of_a_command_that_is_gone_says_how_to_go_on(command, tmp_path, stored_run):
    RunStore.open(Settings(storage=str(tmp_path / "storage"))).set_local(stored_run.run_id, local=True)

    shown = " ".join(command("status", "last").stdout.split())

    assert "if it is gone, `deepchord resume` goes on" in shown.replace("│ ", "").replace(" │", "")
