import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepchord.coordinator.runs import PRESETS, plan_architecture, plan_member, plan_request, plan_run
from deepchord.coordinator.runs.request import RunRequest
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten

Write = Callable[[str], Path]

DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(28, 28, 1), class_names=("0", "1"), train_size=10, test_size=5
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        return path

    return write


def run_of(options: dict[str, object], **changes: object) -> RunSpec:
    run = plan_run(plan_request(None, options), TINY, DATASET, max_attempts=3, now=NOW)
    return run.model_copy(update=changes)


# What was asked for


def test_without_anything_the_quick_preset_on_fashion_mnist_is_trained():
    request = plan_request(None, {})

    assert (request.preset, request.dataset, request.members, request.epochs) == ("quick", "fashion", 3, 3)


def test_the_notebook_preset_says_all_that_the_notebook_did():
    request = plan_request(None, {"preset": "notebook"})

    assert request.members == 10
    assert request.recipe().model_dump() == {
        "optimizer": "nadam", "learning_rate": 0.002, "batch_size": 128, "epochs": 25, "validation_fraction": 0.2,
        "patience": 10, "schedule": "constant", "precision": "float32", "dropout_scale": 1.0, "label_smoothing": 0.0,
        "weight_decay": 0.0, "flip": False, "shift": 0, "cutout": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("preset", "parameters"), [("quick", 331_450), ("fast", 331_450), ("notebook", 331_450), ("best", 474_794)]
)
def test_every_preset_has_a_network(preset, parameters):
    request = plan_request(None, {"preset": preset})
    architecture = plan_architecture(request, (28, 28, 1), 10)
    run = plan_run(request, architecture, DATASET, max_attempts=3)

    assert run.architecture.resolve(input_shape=(28, 28, 1), classes=10).parameters == parameters


def test_no_preset_was_forgotten_here():
    assert sorted(PRESETS) == ["best", "fast", "notebook", "quick"]


def test_the_preset_best_can_be_trained_with_another_network(write):
    layers = "layers = [{type='flatten'}, {type='dense', units='classes', activation='softmax'}]"
    request = plan_request(write(f"preset = 'best'\n{layers}"), {})

    assert plan_architecture(request, (28, 28, 1), 10) == TINY
    assert request.epochs == PRESETS["best"]["epochs"]


@pytest.mark.parametrize(("shift", "cutout"), [(7, 0), (0, 7), (3, 4)])
def test_augmentation_that_could_leave_nothing_of_an_image_is_refused(write, shift, cutout):
    layers = "layers = [{type='flatten'}, {type='dense', units='classes', activation='softmax'}]"
    request = plan_request(write(f"shift = {shift}\ncutout = {cutout}\n{layers}"), {})
    assert plan_architecture(request, (8, 9, 1), 10) == TINY

    request = plan_request(write(f"shift = {shift + 1}\ncutout = {cutout}\n{layers}"), {})
    with pytest.raises(InputError, match=f"shift = {shift + 1} and cutout = {cutout} could .* images of 8x9 pixels"):
        plan_architecture(request, (8, 9, 1), 10)


def test_an_option_goes_before_the_recipe_and_the_recipe_before_the_preset(write):
    recipe = write("preset = 'notebook'\nmembers = 7\nepochs = 8")

    request = plan_request(recipe, {"epochs": 9, "members": None})

    assert (request.epochs, request.members, request.batch_size) == (9, 7, 128)
    assert (request.preset, request.patience) == ("notebook", 10)


def test_a_preset_given_as_an_option_goes_before_that_of_the_recipe_and_after_its_values(write):
    request = plan_request(write("preset = 'notebook'\nepochs = 8"), {"preset": "quick"})

    assert (request.preset, request.members, request.epochs) == ("quick", 3, 8)


def test_an_empty_recipe_is_the_quick_preset(write):
    assert plan_request(write(""), {}) == plan_request(None, {})


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("memers = 3", "unknown option 'memers'; did you mean 'members'?"),
        ("learning-rate = 3", "unknown option 'learning-rate'; did you mean 'learning_rate'?"),
        (
            "run_id = 'mine'",
            "unknown option 'run_id'; valid are architecture, batch_size, channels_first, cutout, dataset,",
        ),
        ("[run]\nmembers = 3", "unknown option 'run'"),
        ("preset = 'notbook'", "There is no preset 'notbook'; did you mean 'notebook'?"),
        ("preset = ''", "There is no preset ''; valid are best, fast, notebook, quick."),
        ("preset = [1]", "There is no preset [1]"),
        ("preset = 3", "There is no preset 3"),
        ("layers = [{type = 'conv2'}]", "layer 0 has the unknown type 'conv2'; did you mean 'conv2d'?"),
        (
            "layers = [{type = 'flatten'}, {type = 'denes'}]",
            "layer 1 has the unknown type 'denes'; did you mean 'dense'",
        ),
        ("layers = [{type = 'conv2d', filter = 3}]", "unknown option 'filter'; did you mean 'filters'?"),
        ("layers = [{units = 3}]", "layer 0 has the unknown type None"),
        ("layers = [3]", "layer 0 has the unknown type None"),
        ("layers = 3", "layers: input should be"),
        ("layers = []", "layers: tuple should have at least 1 item"),
        ("architecture = 'a.toml'\nlayers = [{type = 'flatten'}]", "either architecture (a file) or layers, not both"),
        ("members = 0", "members: input should be greater than or equal to 1, found 0."),
        ("members = -1", "members: input should be greater than or equal to 1, found -1."),
        ("members = 100001", "members: input should be less than or equal to 100000, found 100001."),
        ("members = 2.5", "members: input should be a valid integer"),
        ("members = 2\nmin_members = 3", "min_members is 3, more than the 2 members of the run."),
        ("min_members = 0", "min_members: input should be greater than or equal to 1, found 0."),
        ("epochs = 0", "epochs: input should be greater than or equal to 1, found 0."),
        ("batch_size = 0", "batch_size: input should be greater than or equal to 1"),
        ("patience = 0", "patience: input should be greater than 0"),
        ("optimizer = 'nadm'", "optimizer: input should be 'nadam', 'adam', 'sgd' or 'rmsprop', found 'nadm'."),
        ("learning_rate = 0.0", "learning_rate: input should be greater than 0"),
        ("learning_rate = nan", "learning_rate: input should be a finite number"),
        ("validation_fraction = 1.0", "validation_fraction: input should be less than 1"),
        ("seed = -1", "seed: input should be greater than or equal to 0, found -1."),
        ("seed = 4294967296", "seed: input should be less than 4294967296"),
        ("dataset = 3", "dataset: input should be a valid string, found 3."),
    ],
)
def test_a_recipe_that_asks_for_what_is_not_possible_is_refused_in_one_sentence(write, recipe, expected):
    with pytest.raises(InputError) as caught:
        plan_request(write(recipe), {})

    message = str(caught.value)
    assert expected in message
    assert "\n" not in message
    assert "recipe.toml" in message or "preset" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"members: 3", "is not valid TOML"),
        (b"members = 1\nmembers = 2", "is not valid TOML"),
        (b"\x89HDF\r\n\x1a\n\x00\x00\xff\xfe", "is not valid TOML"),
        (b"x = " + b"[" * 5000, "is not valid TOML"),
        (b"seed = " + b"9" * 5000, "is not valid TOML"),
        (None, "cannot be read: No such file or directory."),
    ],
)
def test_a_recipe_that_is_no_recipe_is_named(tmp_path, content, expected):
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputError, match=r"recipe\.toml") as caught:
        plan_request(path, {})

    assert expected in str(caught.value)


def test_a_recipe_that_never_ends_is_not_read_to_its_end():
    with pytest.raises(InputError, match=r"Recipe /dev/zero cannot be read: it is longer than 1 MiB\."):
        plan_request(Path("/dev/zero"), {})
    with pytest.raises(InputError, match=r"Architecture file /dev/zero cannot be read: it is longer than 1 MiB\."):
        Architecture.load(Path("/dev/zero"))


def test_a_recipe_may_come_from_a_pipe_and_begin_with_the_mark_of_windows(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    written = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"\xef\xbb\xbfmembers = 7\r\nseed = 2",))
    written.start()

    request = plan_request(tmp_path / "pipe", {})

    written.join()
    assert (request.members, request.seed) == (7, 2)


RECIPE_WORDS = (*RunRequest.model_fields, "type", "conv2d", "units", "residual", "classes", "quick", "nadam")
RECIPE_SIGNS = (" = ", "\n", "[", "]", "{", "}", ",", ".", '"', "'", "\\u0000", "#", "\x00", "\ud7ff")
RECIPE_VALUES = ("0", "-1", "1e400", "nan", "1979-05-27", "true", "9" * 5000)
RECIPE_PARTS = st.sampled_from((*RECIPE_WORDS, *RECIPE_SIGNS, *RECIPE_VALUES))


@given(st.one_of(st.lists(RECIPE_PARTS).map(lambda parts: "".join(parts).encode()), st.binary()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_recipe_holds_it_is_planned_or_refused_in_a_line(tmp_path: Path, content: bytes):
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)

    refused = ""
    try:
        plan_request(path, {})
    except InputError as error:
        refused = str(error)

    assert len(refused.splitlines()) <= 1


def test_a_recipe_that_is_a_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        plan_request(tmp_path, {})


def test_a_bad_option_is_not_blamed_on_the_recipe(write):
    recipe = write("members = 3")

    for options in ({"members": 0}, {"epochs": 0}):
        with pytest.raises(InputError, match=r"^The options given: (members|epochs): .* found 0"):
            plan_request(recipe, options)


# Files that a recipe names


def test_files_that_a_recipe_names_are_looked_for_beside_it_first(tmp_path, write, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    recipe = write("architecture = 'net.toml'\ndataset = 'data.npz'")
    for name in ("net.toml", "data.npz"):
        (tmp_path / name).write_text("")

    request = plan_request(recipe, {})

    assert request.architecture == str(tmp_path / "net.toml")
    assert request.dataset == str(tmp_path / "data.npz")


def test_files_that_are_not_beside_the_recipe_and_names_are_left_as_they_are(write):
    request = plan_request(write("architecture = 'net.toml'\ndataset = 'fashion'"), {})

    assert (request.architecture, request.dataset) == ("net.toml", "fashion")


def test_names_that_no_file_can_have_are_left_to_whoever_looks_for_the_data_set(write):
    for name in ("a" * 5000, "a\\u0000b"):
        assert len(plan_request(write(f'dataset = "{name}"'), {}).dataset) >= 3


# The network


def test_layers_can_stand_in_the_recipe_itself(write):
    recipe = write(
        '[[layers]]\ntype = "flatten"\n[[layers]]\ntype = "dense"\nunits = "classes"\nactivation = "softmax"'
    )

    assert plan_architecture(plan_request(recipe, {}), (28, 28, 1), 2) == TINY


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("net.toml", 'layers = [{type="flatten"}, {type="dense", units="classes", activation="softmax"}]'),
        ("net.json", TINY.model_dump_json()),
    ],
)
def test_the_network_can_stand_in_a_file_beside_the_recipe(tmp_path, write, name, text):
    (tmp_path / name).write_text(text)

    assert plan_architecture(plan_request(write(f"architecture = '{name}'"), {}), (28, 28, 1), 2) == TINY


def test_an_architecture_given_as_an_option_replaces_the_layers_of_the_recipe(tmp_path, write):
    (tmp_path / "net.json").write_text(TINY.model_dump_json())

    request = plan_request(write("layers = [{type = 'flatten'}]"), {"architecture": str(tmp_path / "net.json")})

    assert plan_architecture(request, (28, 28, 1), 2) == TINY


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("architecture = 'none.toml'", "Architecture file none.toml cannot be read"),
        ("architecture = ''", "cannot be read: Is a directory"),
        ("layers = [{type = 'flatten'}]", "End the network with a dense layer"),
        ("layers = [{type = 'dense', units = 3}]", "add a flatten layer"),
    ],
)
def test_a_network_that_cannot_be_is_refused_before_anything_is_submitted(write, recipe, expected):
    request = plan_request(write(recipe), {})

    with pytest.raises(InputError, match=expected):
        plan_architecture(request, (28, 28, 1), 10)


def test_images_too_small_for_the_network_are_refused_by_layer():
    with pytest.raises(InputError, match="the images are too small for this network"):
        plan_architecture(plan_request(None, {}), (4, 4, 1), 10)


# The run


def test_a_run_says_all_that_decides_it():
    run = plan_run(plan_request(None, {"seed": 5, "members": 7}), TINY, DATASET, max_attempts=2, now=NOW)

    assert run.run_id.startswith("20260504-030201-")
    assert (run.members, run.min_members, run.seed, run.max_attempts, run.created_at) == (7, 4, 5, 2, NOW)
    assert run == RunSpec.decode(run.encode(), "run.json")


def test_two_runs_have_two_ids_and_two_seeds_unless_one_is_given():
    first, second = (plan_run(plan_request(None, {}), TINY, DATASET, max_attempts=2, now=NOW) for _ in range(2))

    assert first.run_id != second.run_id
    assert first.seed != second.seed


def test_a_seed_of_zero_is_a_seed():
    assert run_of({"seed": 0}).seed == 0


@given(st.integers(1, 100_000))
def test_half_of_the_members_rounded_up_suffices_unless_said_otherwise(members):
    run = run_of({"members": members})

    assert 2 * run.min_members in (members, members + 1)
    assert run_of({"members": members, "min_members": members}).min_members == members


# The seeds


def test_the_seeds_of_members_are_these_for_ever():
    seeds_of = {(1, 0), (1, 1), (1, 2), (2**32 - 1, 99_999)}

    assert {place: tuple(plan_member("run", *place).seeds.model_dump().items()) for place in seeds_of} == {
        place: tuple(zip(("split", "initialization", "shuffling", "dropout"), words, strict=True))
        for place, words in {
            (1, 0): (1641411168, 1963192212, 1340743928, 1254710336),
            (1, 1): (1454127163, 941260221, 3081047910, 3224389247),
            (1, 2): (2749604155, 297086206, 4255910803, 2780703334),
            (2**32 - 1, 99_999): (1013032585, 1547251941, 3839420135, 469781658),
        }.items()
    }


@given(seeds, st.integers(0, 99_999))
def test_seeds_are_spawned_from_the_seed_of_the_run_and_the_index(seed, index):
    expected = np.random.SeedSequence(seed, spawn_key=(index,)).generate_state(4)

    member = plan_member("run", seed, index)

    assert [member.seeds.split, member.seeds.initialization, member.seeds.shuffling, member.seeds.dropout] == [
        int(word) for word in expected
    ]
    assert (member.run_id, member.index) == ("run", index)


@given(seeds)
def test_no_two_members_of_a_run_have_the_same_seeds(seed):
    assert len({plan_member("run", seed, index).seeds for index in range(20)}) == 20
