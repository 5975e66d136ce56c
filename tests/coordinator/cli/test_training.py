"""train, resume and extend as people meet them, up to the start of the training."""

import numpy as np
import pytest

from deepchord.coordinator.local.session_folder import SessionFolder, SessionRecord
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore
from tests.coordinator.cli.processes import LAYERS, arrays, sentence_of

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "--workers", "2"), "--workers is for the workers that this command starts itself"),
        (("resume", "last", "--workers", "2"), "--workers is for the workers that this command starts itself"),
        (("train", "--detach", "--out", "here"), "--detach does not wait for results: leave --out out"),
        (("train", "--detach", "--notify", "https://a/b"), "--detach does not follow the run, so --notify and --track"),
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


@pytest.mark.parametrize(("options", "variables"), [(["--detach"], {}), ([], {"DEEPCHORD_DETACH": "1"})])
def test_a_run_is_submitted_without_waiting_for_it(command, recipe, broker_url, tmp_path, options, variables):
    ended = command("train", recipe("members = 3"), *options, "--broker", broker_url, **variables)

    (run_id,) = RunStore.open(Settings(storage=str(tmp_path / "storage"))).run_ids()
    assert (ended.returncode, ended.stderr) == (0, "")
    told = f"`deepchord watch {run_id}` with the same --broker"
    assert ended.stdout == f"Run {run_id} is submitted; follow it with {told}.\n"


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
