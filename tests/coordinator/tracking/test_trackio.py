"""Trackio's own database in a folder."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from deepchord.coordinator.tracking import open_trackers, record_run

pytestmark = pytest.mark.slow

_READS = """
import trackio, json
from trackio.sqlite_storage import SQLiteStorage
runs = list(trackio.Api().runs("deepchord"))
logs = {run.name: SQLiteStorage.get_logs("deepchord", run.name, run_id=run.id) for run in runs}
print(json.dumps({"logs": logs, "config": runs[0].config, "runs": len(runs)}, default=str))
"""


def test_trackio_has_a_run_for_each_member_and_evaluation_however_many_record_it(
    settings, store, finished, tmp_path, monkeypatch
):
    pytest.importorskip("trackio")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    trackers = [*open_trackers(["trackio"], store), *open_trackers(["trackio"], store)]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: record_run(settings, store, finished, one, with_report=False), trackers))

    read = subprocess.run([sys.executable, "-c", _READS], env=os.environ, capture_output=True, text=True, check=True)
    found = json.loads(read.stdout.splitlines()[-1])
    names = {f"{finished.run_id} {part}" for part in ("member-000", "member-001", "evaluation-000")}
    assert (set(found["logs"]), found["runs"]) == (names, 3)
    member = store.member(finished.run_id, 1).record().member
    logs = found["logs"][f"{finished.run_id} member-001"]
    assert [(log["step"], log["validation_loss"]) for log in logs] == [
        (number, epoch.validation_loss) for number, epoch in enumerate(member.history, 1)
    ]
    assert found["config"]["learning_rate"] == finished.recipe.learning_rate
