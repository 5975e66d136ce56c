"""A real server, asked over HTTP: what it tells whom, what may be done, and what it says where that is refused."""

import json
import signal

import pytest
import redis

from deepchord.shared.broker import ProgressBoard, WorkerInfo, WorkerRegistry
from deepchord.shared.broker.leases import at_work_key, member_lease
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from deepchord.shared.validation import PROTOCOL
from tests.coordinator.dashboard.conftest import TOKEN, dashboard
from tests.coordinator.dashboard.example_runs import HOSTILE, REAL, begin, fill
from tests.coordinator.followed_run import NOW, commit
from tests.coordinator.monitoring.example_views import line as progress

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shown(storage):
    """A dashboard for this machine, without a broker."""
    with dashboard(storage) as server:
        yield server


def test_all_runs_are_told_first_and_then_what_changes(tmp_path):
    store = fill(tmp_path / "storage")
    with dashboard(tmp_path / "storage") as shown, shown.events() as events:
        told = {}
        while len(told) < 8:
            told |= {run["run_id"]: run for run in events.next("runs")[1]["runs"]}
        states = [told[run_id]["state"] for run_id in sorted(told)]
        run = begin(store, 9)
        with shown.events(f"?run={run.run_id}") as closer:
            new = events.until("runs", lambda data: any(each["run_id"] == run.run_id for each in data["runs"]))
            first = closer.next("run")[1]
            commit(store, run, 0)
            later = closer.until("run", lambda data: data["trained"] == 1)
            changed = events.until("runs", lambda data: data["runs"])

            shown.process.send_signal(signal.SIGTERM)  # two streams are open
            _, errors = shown.process.communicate(timeout=60)

    assert sorted(set(states)) == ["cancelled", "evaluated", "failed", "unfinished", "unreadable"]
    assert len(new["runs"]) == 1  # what has not changed is not sent again
    assert (first["state"], first["trained"], later["share_done"]) == ("waiting", 0, 0.5)
    assert [(each["run_id"], each["ended"]) for each in changed["runs"]] == [(run.run_id, 1)]
    assert (shown.process.returncode, errors) == (130, "error: Interrupted: the dashboard is served no more.\n")


def test_a_run_is_told_in_parts_with_its_attempts_and_why_they_failed(shown, storage):
    live = RunStore.open(Settings(storage=str(storage))).run_folders()[4]
    with shown.events(f"?run={live}") as events:
        parts = dict(events.next("run", "plan", "members", "curves", "attempts") for _ in range(5))

    assert [(each["member"], each["number"], each["end"]) for each in parts["attempts"]] == [
        (0, 1, "failed"),
        (0, 2, "running"),
    ]
    assert "became nan" in parts["attempts"][0]["error"]
    assert [(each["index"], each["status"]) for each in parts["members"]] == [(1, "trained")]
    assert len(parts["curves"]["members"][0]["validation_loss"]) == 3
    assert parts["plan"]["network"] == "2 layers: flatten, dense"
    assert parts["run"]["task"] == "classification"


def test_report_and_files_of_a_run_are_there_without_any_right_on_the_server(shown, storage):
    run = RunStore.open(Settings(storage=str(storage))).run(REAL)

    status, page, headers = shown.request("GET", f"/runs/{REAL}/report")
    _, stored, told = shown.request("GET", f"/runs/{REAL}/files/run.json")
    refused = [shown.request("GET", f"/runs/{REAL}/files/..%2frun.json")[0], shown.request("GET", "/files/app.py")[0]]
    missing = shown.request("GET", "/runs/no-such-run/report")
    cancelled = shown.request("GET", f"/runs/{RunStore.open(Settings(storage=str(storage))).run_folders()[3]}/report")

    assert (status, REAL in page) == (200, True)
    assert "sandbox allow-scripts" in headers["content-security-policy"]
    assert "same-origin" not in headers["content-security-policy"]
    assert stored == json.loads(run.encode())
    assert told["content-disposition"] == f'attachment; filename="{REAL}-run.json"'
    assert refused == [404, 404]
    assert (missing[0], missing[1]["error"].startswith("There is no run 'no-such-run'")) == (404, True)
    assert (cancelled[0], "is not evaluated yet" in cancelled[1]["error"]) == (409, True)


def test_every_answer_tells_browsers_to_trust_nothing(shown):
    for path in ("/", "/files/main.js", "/files/base.css", "/session", "/nothing"):
        _, _, headers = shown.request("GET", path)
        assert headers["x-content-type-options"] == "nosniff"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("headers", "status", "sentence"),
    [
        ({}, 401, "wants its token"),
        ({"authorization": "Bearer wrong"}, 401, "wants its token"),
        ({"authorization": "Bearer é".encode().decode("latin-1")}, 401, "wants its token"),
        ({"cookie": "deepchord-{port}=made-up"}, 401, "wants its token"),
        ({"authorization": "Bearer {token}", "origin": "http://evil.example"}, 403, "Pages of others may not act"),
        ({"authorization": "Bearer {token}", "origin": "null"}, 403, "Pages of others may not act"),
        ({"authorization": "Bearer {token}", "sec_fetch_site": "cross-site"}, 403, "Pages of others may not act"),
        ({"authorization": "Bearer {token}", "host": "evil.example"}, 400, ""),
        ({"cookie": "{cookie}"}, 403, "lacks the secret of its page"),
        ({"cookie": "{cookie}", "x_deepchord_csrf": "forged"}, 403, "lacks the secret of its page"),
        ({"cookie": "{cookie}", "x_deepchord_csrf": "{csrf}", "origin": "http://127.0.0.1:1"}, 403, "Pages of others"),
        (
            {"cookie": "{cookie}", "x_deepchord_csrf": "{csrf}", "origin": "http://127.0.0.1:{port}"},
            409,
            "is evaluated",
        ),
        ({"authorization": "Bearer {token}"}, 409, "is evaluated"),
    ],
)
def test_who_may_act(shown, headers, status, sentence):
    entered = shown.request("POST", "/session", authorization=f"Bearer {shown.token}")
    cookie = entered[2]["set-cookie"]
    known = {
        "token": shown.token,
        "port": shown.port,
        "csrf": entered[1]["csrf"],
        "cookie": cookie.partition(";")[0],
    }

    found, answer, _ = shown.request(
        "POST", f"/runs/{REAL}/cancel", "{}", **{name: value.format(**known) for name, value in headers.items()}
    )

    assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
    assert (found, sentence in (answer["error"] if isinstance(answer, dict) else answer)) == (status, True), answer


def test_what_is_done_is_the_same_as_on_the_command_line(tmp_path):
    store = fill(tmp_path / "storage")
    run_id = store.run_folders()[4]
    with dashboard(tmp_path / "storage") as shown:
        done = shown.act(f"runs/{run_id}/cancel".join(("/", "")))
        is_cancelled = store.is_cancelled(run_id)
        again = shown.act(f"/runs/{REAL}/cancel")
        without_broker = [shown.act(f"/runs/{run_id}/resume"), shown.act("/workers/drain", {"worker": "w0@box"})]
        garbage = [
            shown.act(f"/runs/{run_id}/extend", {"members": "many"}),
            shown.act("/workers/drain", []),
            shown.act("/workers/drain", "x" * 5000),
            shown.act(f"/runs/{run_id}/explode"),
            shown.act("/runs/no-such-run/cancel"),
        ]
    with dashboard(tmp_path / "storage", "--read-only") as shown:
        read_only = shown.act(f"/runs/{run_id}/cancel")

    assert done == (200, {"done": f"Run {run_id} is cancelled; its members stop at the next batch."})
    assert is_cancelled
    assert (again[0], "is evaluated" in again[1]["error"]) == (409, True)
    assert all(
        (status, "no broker to send members to" in told["error"]) == (409, True) for status, told in without_broker
    )
    assert [status for status, _ in garbage] == [400, 400, 413, 404, 404]
    assert all(told["error"].endswith(".") for _, told in garbage)
    assert (read_only[0], read_only[1]["error"].startswith("This dashboard is read-only")) == (403, True)


def test_resume_extend_and_drain_send_to_a_real_broker(tmp_path, broker_url):
    store = fill(tmp_path / "storage")
    cancelled, live = store.run_folders()[3:5]
    with dashboard(tmp_path / "storage", "--broker", broker_url) as shown:
        resumed = shown.act(f"/runs/{cancelled}/resume")
        extended = shown.act(f"/runs/{live}/extend", {"members": 4})
        nobody = shown.act("/workers/drain", {"worker": "nobody@nowhere"})
        with shown.events() as events:
            told = events.next("state")[1]
    with redis.Redis.from_url(broker_url) as client:
        waiting = sum(client.llen(key) for key in client.keys("*") if client.type(key) == b"list")

    assert (resumed[0], store.is_cancelled(cancelled)) == (200, False)
    assert (extended[0], store.run(live).members) == (200, 4)
    assert waiting >= 5  # two members of one run, three of the other
    assert (nobody[0], nobody[1]["error"].endswith(".")) == (409, True)
    assert told["broker_trouble"] is None


def test_with_a_token_nobody_looks_without_it(storage):
    with dashboard(storage, DEEPCHORD_DASHBOARD_TOKEN=TOKEN) as shown:
        page = shown.request("GET", "/")[0]
        refused = [
            shown.request("GET", path)[0] for path in ("/events", "/comparison?run=a&run=b", f"/runs/{REAL}/report")
        ]
        wrong = shown.request("POST", "/session", authorization="Bearer wrong")
        session = shown.request("GET", "/session")[1]
        entered = shown.request("POST", "/session", authorization=f"Bearer {TOKEN}")
        cookie = entered[2]["set-cookie"].partition(";")[0]
        with shown.events(cookie=cookie) as events:
            name, _ = events.next()

    assert (page, refused) == (200, [401, 401, 401])
    assert (wrong[0], wrong[1]) == (401, {"error": "That is not the token of this dashboard."})
    assert (session["may_read"], session["csrf"]) == (False, None)
    assert name == "hello"
    assert "#" not in shown.address  # a token that was given is not printed


def test_pages_of_others_may_not_look(shown):
    assert shown.request("GET", "/events", sec_fetch_site="cross-site")[0] == 403
    assert shown.request("GET", "/events", host="evil.example")[0] == 400


def test_other_machines_are_served_with_a_token_only(storage):
    sentence = "set DEEPCHORD_DASHBOARD_TOKEN to a secret"
    with pytest.raises(AssertionError, match=sentence), dashboard(storage, "--host", "0.0.0.0"):
        pass
    with dashboard(storage, "--host", "0.0.0.0", DEEPCHORD_DASHBOARD_TOKEN=TOKEN) as shown:
        assert shown.act(f"/runs/{REAL}/cancel")[0] == 403


def test_without_storage_or_broker_it_says_so_and_lives(tmp_path, closed_port):
    broker = f"redis://127.0.0.1:{closed_port}/0"
    aws = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{closed_port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    with dashboard("s3://nowhere/runs", "--broker", broker, **aws) as shown, shown.events() as events:
        away = events.next("state")[1]
        health = shown.request("GET", "/healthz")[0]
        compared = shown.request("GET", "/comparison?run=a&run=b")
    with dashboard(tmp_path / "empty") as shown, shown.events() as events:
        empty = events.next("state")[1]

    assert (away["trouble"].endswith("."), away["broker_trouble"].startswith("The broker does not answer")) == (
        True,
        True,
    )
    assert (health, compared[0], compared[1]["error"].endswith(".")) == (200, 503, True)
    assert (empty["total"], empty["trouble"]) == (0, None)
    assert empty["broker_trouble"].startswith("No broker is known here")


def test_hostile_names_are_told_as_text(shown):
    with shown.events() as events:
        told = {}
        while len(told) < 8:
            told |= {run["run_id"]: run for run in events.next("runs")[1]["runs"]}

    assert HOSTILE in {run.get("dataset") for run in told.values()}


def test_workers_and_epochs_under_way_are_told_live_and_those_that_have_ended_stay_for_a_while(tmp_path, broker_url):
    store = fill(tmp_path / "storage")
    live = store.run_folders()[4]
    info = WorkerInfo(
        worker="it", name="w0@box", host="box", engine="jax", device="CPU:0", device_kind="cpu", version="0.1.0",
        protocol=PROTOCOL, process_id=1, started_at=NOW,
    )  # fmt: skip
    with (
        redis.Redis.from_url(broker_url) as client,
        dashboard(tmp_path / "storage", "--broker", broker_url) as shown,
        shown.events(f"?run={live}") as events,
    ):
        before = events.next("run")[1]
        registry, board = WorkerRegistry(client), ProgressBoard(client)
        registry.register(info)
        client.set(at_work_key("it"), member_lease(live, 0))
        board.publish(live, progress(0, epochs_done=1))
        there = events.until("workers", lambda workers: workers and workers[0]["run_id"])
        first = events.until("run", lambda run: run["progress"])
        board.publish(live, progress(0, epochs_done=2))
        curves = events.until("curves", lambda curves: any(len(each["epochs"]) == 2 for each in curves["members"]))
        client.delete(at_work_key("it"))
        registry.unregister("it")
        gone = events.until("workers", lambda workers: workers and workers[0]["is_gone"])

    assert (before["live"], before["progress"]) == (True, [])
    assert (there[0]["member"], there[0]["device"], there[0]["samples_per_s"]) == (0, "CPU:0", 0.0)
    assert (first["state"], first["progress"][0]["epochs_done"]) == ("training", 1)
    assert [each["epochs"] for each in curves["members"] if each["best"] is None] == [[1, 2]]
    assert (gone[0]["name"], gone[0]["run_id"]) == ("w0@box", None)
