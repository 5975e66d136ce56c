"""The command line as people meet it: in a process of its own, by its exit codes and what it prints."""

import json
import os
import resource
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from deepchord.coordinator.local.session_folder import SessionFolder, SessionRecord
from deepchord.coordinator.runs import plan_request, plan_run
from deepchord.shared.datasets import publish_dataset
from deepchord.shared.datasets.dataset import dataset_from_arrays
from deepchord.shared.messages import RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from tests.environments import ROOT

pytestmark = pytest.mark.slow

Ended = subprocess.CompletedProcess[str]
Command = Callable[..., Ended]

COMMANDS = (
    "train",
    "resume",
    "extend",
    "cancel",
    "drain",
    "reconcile",
    "runs",
    "status",
    "watch",
    "collect",
    "report",
    "files",
    "flower",
    "worker",
    "devices",
    "doctor",
    "evaluate",
)
PASSWORD = "geheim"
LAYERS = """
layers = [{ type = "flatten" }, { type = "dense", units = "classes", activation = "softmax" }]
"""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run a command to its end, in a folder of its own."""

    def run(*arguments: str | Path, limits: Mapping[int, int] | None = None, **variables: str) -> Ended:
        def limit() -> None:
            for name, value in (limits or {}).items():
                resource.setrlimit(name, (value, value))

        (tmp_path / "here").mkdir(exist_ok=True)
        # Where files may not grow, the coverage of the child cannot be written either, and would say so on stderr.
        inherited = {name: value for name, value in os.environ.items() if not (limits and name.startswith("COVERAGE_"))}
        return subprocess.run(
            [sys.executable, "-P", "-m", "deepchord", *map(str, arguments)],
            cwd=tmp_path / "here",
            env={**inherited, "DEEPCHORD_STORAGE": str(tmp_path / "storage"), "COLUMNS": "100", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,  # a safety net; what is not possible is to be said within 10 s
            check=False,
            preexec_fn=limit if limits else None,
        )

    return run


def arrays(size: int = 20) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    return {
        "x_train": generator.integers(0, 256, (size, 6, 6), dtype=np.uint8),
        "y_train": np.arange(size) % 2,
        "x_test": generator.integers(0, 256, (size, 6, 6), dtype=np.uint8),
        "y_test": np.arange(size) % 2,
    }


@pytest.fixture
def data(tmp_path: Path) -> Path:
    np.savez(tmp_path / "data.npz", **arrays())
    return tmp_path / "data.npz"


@pytest.fixture
def recipe(tmp_path: Path, data: Path) -> Callable[[str], Path]:
    """A recipe that could be trained, and what is added to it."""

    def write(text: str = "", layers: str = LAYERS) -> Path:
        path = tmp_path / "recipe.toml"
        path.write_text(f"dataset = 'data.npz'\n{layers}\n{text}")
        return path

    return write


@pytest.fixture
def stored_run(tmp_path: Path) -> RunSpec:
    """A run in storage that nobody has trained yet."""
    store = RunStore.open(Settings(storage=str(tmp_path / "storage")))
    dataset = publish_dataset(dataset_from_arrays(arrays(), name="data.npz", source="data.npz"), store)
    architecture = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
    request = plan_request(None, {"members": 2, "seed": 1})
    run = plan_run(request, architecture, dataset, max_attempts=3, now=datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC))
    store.create_run(run)
    return run


def sentence_of(ended: Ended, exit_code: int = 2) -> str:
    """The one sentence that a command ended with; nothing else was printed."""
    assert (ended.returncode, ended.stdout) == (exit_code, ""), ended
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert line[-1] in ".?"
    return line.removeprefix("error: ")


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# Help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(command, name):
    ended = command(name, "--help")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Usage:" in ended.stdout
    assert f" {name} " in ended.stdout


def test_the_help_names_every_command_and_every_exit_code(command):
    ended = command("--help")

    assert ended.returncode == 0
    assert [name for name in COMMANDS if f" {name} " not in ended.stdout] == []
    assert "130 interrupted" in ended.stdout


def test_the_version_is_that_of_the_sources(command):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    ended = command("--version")

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"deepchord {version}\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_completion_asks_deepchord_itself(command, shell):
    # Without it typer prints the script of the shell that it was started from, if there is one.
    ended = command("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"_DEEPCHORD_COMPLETE=complete_{shell}" in ended.stdout


def test_a_shell_completes_commands_and_options_without_a_note(command):
    shell = {"_DEEPCHORD_COMPLETE": "complete_bash", "COMP_CWORD": "1", "CELERY_BROKER_URL": "redis://elsewhere/0"}

    commands = command(COMP_WORDS="deepchord re", **shell)
    options = command(COMP_WORDS="deepchord train --pres", **(shell | {"COMP_CWORD": "2"}))

    assert (commands.returncode, commands.stderr) == (0, "")
    assert commands.stdout.split() == ["resume", "report", "reconcile"]
    assert (options.stdout.split(), options.stderr) == (["--preset"], "")


def test_help_imports_neither_celery_nor_numpy_nor_a_framework():
    program = (
        "import sys, typer.testing, deepchord.commands\n"
        "ended = typer.testing.CliRunner().invoke(deepchord.commands.commands, ['train', '--help'])\n"
        "assert ended.exit_code == 0, ended.output\n"
        "heavy = ['celery', 'numpy', 'keras', 'tensorflow', 'torch', 'jax', 'matplotlib', 'sklearn', 'h5py', 'redis']\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)

    assert (ended.stderr, ended.stdout) == ("", "[]\n")


def test_the_commands_are_known_without_what_only_some_of_them_need():
    program = (
        "import sys, deepchord.commands\n"
        "print([name for name in ['rich.console', 'importlib.metadata', 'pydantic'] if name in sys.modules])"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    ended = subprocess.run(
        [sys.executable, "-P", "-c", program], env=environment, capture_output=True, text=True, check=False
    )

    assert (ended.stderr, ended.stdout) == ("", "[]\n")


@pytest.mark.parametrize(
    "arguments", [["trian"], ["train", "--memebrs", "3"], ["train", "--members", "many"], ["status"]]
)
def test_what_the_command_line_does_not_know_ends_with_exit_code_2(command, arguments):
    ended = command(*arguments)

    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


# What cannot be trained


@pytest.mark.parametrize(
    ("text", "layers", "expected"),
    [
        ("memers = 3", LAYERS, "unknown option 'memers'; did you mean 'members'?"),
        ("preset = 'notbook'", LAYERS, "There is no preset 'notbook'; did you mean 'notebook'?"),
        ("", "layers = [{ type = 'conv2' }]", "layer 0 has the unknown type 'conv2'; did you mean 'conv2d'?"),
        ("", "layers = [{ type = 'conv2d', filter = 3 }]", "unknown option 'filter'; did you mean 'filters'?"),
        ("", "layers = []", "layers: tuple should have at least 1 item"),
        ("", "architecture = 'none.toml'", "Architecture file none.toml cannot be read: No such file or directory."),
        ("members = 0", LAYERS, "members: input should be greater than or equal to 1, found 0."),
        ("members = -1", LAYERS, "members: input should be greater than or equal to 1, found -1."),
        ("members = 2\nmin_members = 3", LAYERS, "min_members is 3, more than the 2 members of the run."),
        ("members: 3", LAYERS, "recipe.toml is not valid TOML"),
    ],
)
def test_a_recipe_that_is_not_possible_is_refused_and_storage_stays_empty(
    command, recipe, tmp_path, text, layers, expected
):
    sentence = sentence_of(command("train", recipe(text, layers)))

    assert expected in sentence
    assert not (tmp_path / "storage").exists()


def test_an_option_that_is_not_possible_is_refused(command, recipe, tmp_path):
    sentence = sentence_of(command("train", recipe(), "--members", "-1"))

    assert sentence == "The options given: members: input should be greater than or equal to 1, found -1."
    assert not (tmp_path / "storage").exists()


def test_a_command_in_a_folder_that_was_removed_says_so(tmp_path):
    (tmp_path / "gone").mkdir()

    ended = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD" && exec "$0" -P -m deepchord runs', sys.executable],
        cwd=tmp_path / "gone",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "error: The folder that this command was started in cannot be used (No such file or directory); change into "
        "another one.\n"
    )


def test_a_recipe_that_is_binary_is_refused(command, tmp_path):
    (tmp_path / "recipe.toml").write_bytes(b"\x89HDF\r\n\x1a\n\x00\xff")

    assert f"Recipe {tmp_path / 'recipe.toml'} is not valid TOML" in sentence_of(
        command("train", tmp_path / "recipe.toml")
    )


def test_a_recipe_that_is_missing_is_named(command, tmp_path):
    sentence = sentence_of(command("train", tmp_path / "none.toml"))

    assert sentence == f"Recipe {tmp_path / 'none.toml'} cannot be read: No such file or directory."


def nan_in_an_image(broken: dict[str, np.ndarray]) -> None:
    for name in ("x_train", "x_test"):
        broken[name] = broken[name].astype(np.float32)
    broken["x_train"][7, 3, 3] = np.nan


def a_class_nobody_learns(broken: dict[str, np.ndarray]) -> None:
    broken["y_test"][3] = 2


def a_label_below_zero(broken: dict[str, np.ndarray]) -> None:
    broken["y_train"][3] = -1


def a_label_missing(broken: dict[str, np.ndarray]) -> None:
    broken["y_train"] = broken["y_train"][:-1]


def no_test_images(broken: dict[str, np.ndarray]) -> None:
    del broken["x_test"]


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (nan_in_an_image, "x_train: image 7 holds a value that is not finite"),
        (a_class_nobody_learns, "y_test holds the label 2, beyond those of y_train, which end at 1"),
        (a_label_below_zero, "y_train: labels must lie in 0..9999"),
        (a_label_missing, "y_train holds 19 labels for 20 images."),
        (no_test_images, "lacks x_test"),
    ],
)
def test_data_that_nothing_can_be_learnt_from_is_refused_by_name(command, recipe, data, tmp_path, spoil, expected):
    broken = arrays()
    spoil(broken)
    np.savez(data, **broken)

    sentence = sentence_of(command("train", recipe()))

    assert str(data) in sentence
    assert expected in sentence
    assert not (tmp_path / "storage").exists()


def test_a_data_set_that_does_not_exist_is_named(command, tmp_path):
    sentence = sentence_of(command("train", "--dataset", "fashoin"))

    assert "'fashoin'; did you mean 'fashion'?" in sentence
    assert not (tmp_path / "storage").exists()


# The broker


@pytest.mark.parametrize("arguments", [["train"], ["train", "--detach"], ["worker"], ["flower", "--port", "0"]])
def test_a_broker_that_does_not_answer_is_named_without_its_password(command, tmp_path, free_port, arguments):
    address = f"127.0.0.1:{free_port}/0"

    sentence = sentence_of(command(*arguments, "--broker", f"redis://:{PASSWORD}@{address}"))

    assert sentence.startswith(f"Broker redis://{address} does not answer as Redis or Valkey (Connection refused)")
    assert PASSWORD not in sentence
    assert not (tmp_path / "storage").exists()


@pytest.mark.parametrize("arguments", [["train"], ["train", "--detach"], ["worker"], ["flower", "--port", "0"]])
def test_a_wrong_password_is_refused_and_not_repeated(command, tmp_path, broker_url, arguments):
    address = broker_url.rpartition("@")[2]

    sentence = sentence_of(command(*arguments, DEEPCHORD_BROKER=f"redis://:{PASSWORD}@{address}"))

    assert (
        sentence
        == f"Broker redis://{address} refuses the user name or password given with --broker or DEEPCHORD_BROKER."
    )
    assert not (tmp_path / "storage").exists()


@pytest.mark.parametrize("arguments", [["train", "--detach"], ["worker"]])
def test_a_broker_that_answers_and_is_of_no_use_is_told_before_anything_is_published(
    command, tmp_path, full_broker_url, arguments
):
    sentence = sentence_of(command(*arguments, DEEPCHORD_BROKER=full_broker_url))

    assert sentence.startswith(f"Broker redis://{full_broker_url.rpartition('@')[2]} has no memory left")
    assert not (tmp_path / "storage").exists()


@pytest.mark.parametrize(
    "url", [f"amqp://me:{PASSWORD}@host", f"redis://me:{PASSWORD}@host:port/0", f"{PASSWORD}@host"]
)
def test_an_address_that_is_no_broker_is_refused_without_its_password(command, url):
    sentence = sentence_of(command("train", "--broker", url))

    assert "DEEPCHORD_BROKER (or option --broker) is not valid" in sentence
    assert PASSWORD not in sentence


def test_a_broker_that_is_something_else_is_refused(command, free_port, tmp_path):
    # A server that says something, and nothing that Redis would say.
    program = (
        "import socket, sys\n"
        f"server = socket.create_server(('127.0.0.1', {free_port}))\n"
        "print('open', flush=True)\n"
        "while True:\n"
        "    client, _ = server.accept()\n"
        "    client.recv(1000)\n"
        "    client.sendall(b'HTTP/1.1 400 Bad Request\\r\\n\\r\\n')\n"
        "    client.close()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as server:
        try:
            server.stdout.readline()
            sentence = sentence_of(command("train", "--broker", f"redis://127.0.0.1:{free_port}/0"))
        finally:
            server.kill()

    assert sentence.startswith(f"Broker redis://127.0.0.1:{free_port}/0 does not answer as Redis or Valkey")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "--workers", "2"), "--workers is for the workers that this command starts itself"),
        (("resume", "last", "--workers", "2"), "--workers is for the workers that this command starts itself"),
        (("train", "--detach", "--out", "here"), "--detach does not wait for results: leave --out out"),
        (("train", "--detach", "--flower"), "Flower would end with this command"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(command, free_port, arguments, sentence):
    found = sentence_of(command(*arguments, DEEPCHORD_BROKER=f"redis://127.0.0.1:{free_port}/0"))

    assert found.startswith(sentence)


def test_detach_without_a_broker_is_refused(command, tmp_path):
    assert sentence_of(command("train", "--detach")) == (
        "--detach needs a broker that outlives this command: give one with --broker."
    )
    assert not (tmp_path / "storage").exists()


@pytest.mark.parametrize("name", ["flower", "worker"])
def test_commands_that_need_a_broker_say_so(command, name):
    assert sentence_of(command(name)).startswith("No broker is given")


def test_a_port_that_is_taken_is_named(command, broker_url, tmp_path):
    port = broker_url.rpartition(":")[2].partition("/")[0]

    sentence = sentence_of(command("flower", "--broker", broker_url, "--port", port))

    assert sentence.startswith(f"Flower's port {port} is taken")


# Storage


def test_a_file_where_storage_should_be_is_named(command, recipe, tmp_path):
    (tmp_path / "file").write_text("mine")

    sentence = sentence_of(command("train", recipe(), "--storage", tmp_path / "file"))

    assert f"in storage {tmp_path / 'file'}: Not a directory" in sentence
    assert (tmp_path / "file").read_text() == "mine"


def test_storage_that_cannot_be_written_is_named(command, recipe, tmp_path):
    folder = tmp_path / "storage"
    folder.mkdir()
    # Nobody can make a folder in /proc; whoever is not root not in one without permissions either.
    unwritable = Path("/proc/storage") if os.geteuid() == 0 else folder
    folder.chmod(0o500)

    sentence = sentence_of(command("train", recipe(), "--storage", unwritable))

    assert sentence.startswith("Cannot write probes/")
    assert f"in storage {unwritable}" in sentence
    assert files_below(folder) == []


def test_no_space_left_is_said_and_nothing_half_written_stays(command, recipe, tmp_path):
    sentence = sentence_of(command("train", recipe(), limits={resource.RLIMIT_FSIZE: 512}))

    assert sentence.startswith("Cannot write datasets/")
    assert "File too large; files of this size are not allowed here" in sentence
    assert files_below(tmp_path / "storage") == []


def test_a_storage_of_a_kind_that_is_not_known_is_refused(command, recipe):
    assert "Storage s4:// is not known" in sentence_of(command("train", recipe(), "--storage", "s4://bucket"))


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


# What has begun


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


@pytest.mark.parametrize(("options", "variables"), [(["--detach"], {}), ([], {"DEEPCHORD_DETACH": "1"})])
def test_a_run_is_submitted_without_waiting_for_it(command, recipe, broker_url, tmp_path, options, variables):
    ended = command("train", recipe("members = 3"), *options, "--broker", broker_url, **variables)

    (run_id,) = RunStore.open(Settings(storage=str(tmp_path / "storage"))).run_ids()
    assert (ended.returncode, ended.stderr) == (0, "")
    told = f"`deepchord watch {run_id}` with the same --broker"
    assert ended.stdout == f"Run {run_id} is submitted; follow it with {told}.\n"


def test_a_settings_file_that_is_not_there_is_named(command, tmp_path):
    sentence = sentence_of(command("runs", DEEPCHORD_SETTINGS=str(tmp_path / "none.toml")))

    assert str(tmp_path / "none.toml") in sentence


# Steering


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
    ],
)
def test_what_cannot_be_steered_is_said_in_a_sentence(command, stored_run, arguments, sentence):
    assert sentence in sentence_of(command(*arguments))


@pytest.mark.parametrize("arguments", [("train",), ("resume", "last"), ("extend", "last", "--members", "3")])
def test_results_that_could_not_be_written_are_no_work_of_hours(command, stored_run, tmp_path, arguments):
    (tmp_path / "file").write_text("")

    sentence = sentence_of(command(*arguments, "--out", tmp_path / "file" / "results"))

    assert sentence.endswith(f"{tmp_path / 'file'} is no folder; give another with --out.")
    assert len(RunStore.open(Settings(storage=str(tmp_path / "storage"))).run_ids()) == 1


def test_a_command_that_is_told_has_the_places_that_were_given_as_options(command, tmp_path, recipe, broker_url):
    elsewhere = tmp_path / "else where"

    given = command("train", recipe("members = 2"), "--broker", broker_url, "--storage", elsewhere, "--detach").stdout
    usual = command("train", recipe("members = 2"), "--detach", DEEPCHORD_BROKER=broker_url).stdout

    assert f"`deepchord watch {given.split()[1]} --storage '{elsewhere}'` with the same --broker.\n" in given
    assert f"`deepchord watch {usual.split()[1]}`.\n" in usual


@pytest.mark.parametrize("name", ["resume", "extend"])
def test_a_run_whose_members_no_local_worker_may_train_is_left_as_it_is(command, tmp_path, recipe, broker_url, name):
    command("train", recipe("members = 2"), "--require", "gpu", "--broker", broker_url, "--detach")
    members = ("--members", "3") if name == "extend" else ()

    sentence = sentence_of(command(name, "last", *members))

    assert sentence.startswith("--require gpu is for the workers of a fleet: give its broker with --broker")
    store = RunStore.open(Settings(storage=str(tmp_path / "storage")))
    assert store.run(store.run_ids()[0]).members == 2


@pytest.mark.parametrize("arguments", [("resume", "last"), ("extend", "last", "--members", "3")])
def test_a_run_that_another_command_trains_here_is_left_to_it(command, tmp_path, stored_run, arguments):
    folder = SessionFolder.create(Settings(state=tmp_path / "state"))
    folder.write(SessionRecord(broker="redis://127.0.0.1:1/0", run_id=stored_run.run_id))

    sentence = sentence_of(command(*arguments, DEEPCHORD_STATE=str(tmp_path / "state")))

    assert sentence.startswith(f"Run {stored_run.run_id} is being trained by another command on this machine")
    folder.remove()


def test_a_run_is_extended_only_when_all_else_is_in_order(command, tmp_path, stored_run):
    (tmp_path / "state").write_text("a file stands where a folder is needed")

    sentence = sentence_of(command("extend", "last", "--members", "3", DEEPCHORD_STATE=str(tmp_path / "state")))

    assert sentence.startswith("The embedded broker cannot keep its files")
    store = RunStore.open(Settings(storage=str(tmp_path / "storage")))
    assert store.run(stored_run.run_id).members == 2


def test_a_run_of_a_command_that_is_gone_says_how_to_go_on(command, tmp_path, stored_run):
    RunStore.open(Settings(storage=str(tmp_path / "storage"))).set_local(stored_run.run_id, local=True)

    shown = " ".join(command("status", "last").stdout.split())

    assert "if it is gone, `deepchord resume` goes on" in shown.replace("│ ", "").replace(" │", "")


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
