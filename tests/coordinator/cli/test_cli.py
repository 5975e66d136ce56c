"""The command line as people meet it: in a process of its own, by its exit codes and what it prints."""

import os
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.coordinator.cli.processes import files_below, sentence_of
from tests.environments import ROOT

pytestmark = pytest.mark.slow

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
    "compare",
    "delete",
    "prune",
    "export-run",
    "import-run",
    "files",
    "flower",
    "worker",
    "devices",
    "doctor",
    "evaluate",
)
PASSWORD = "geheim"


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
    ended = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)

    assert (ended.stderr, ended.stdout) == ("", "[]\n")


@pytest.mark.parametrize(
    "arguments", [["trian"], ["train", "--memebrs", "3"], ["train", "--members", "many"], ["status"]]
)
def test_what_the_command_line_does_not_know_ends_with_exit_code_2(command, arguments):
    ended = command(*arguments)

    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


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


@pytest.mark.parametrize("name", ["flower", "worker"])
def test_commands_that_need_a_broker_say_so(command, name):
    assert sentence_of(command(name)).startswith("No broker is given")


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
    # What was to be published is noted first: no one else removes it meanwhile.
    assert {path.parent.name for path in files_below(tmp_path / "storage")} == {"publications"}


def test_a_storage_of_a_kind_that_is_not_known_is_refused(command, recipe):
    assert "Storage s4:// is not known" in sentence_of(command("train", recipe(), "--storage", "s4://bucket"))


def test_a_settings_file_that_is_not_there_is_named(command, tmp_path):
    sentence = sentence_of(command("runs", DEEPCHORD_SETTINGS=str(tmp_path / "none.toml")))

    assert str(tmp_path / "none.toml") in sentence
