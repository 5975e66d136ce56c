"""A preset, a recipe file and options, merged and checked."""

import os
import threading
from pathlib import Path

import pytest

from deepchord.coordinator.runs import plan_request
from deepchord.shared.errors import InputError
from deepchord.shared.network import Architecture


def test_without_anything_the_quick_preset_on_fashion_mnist_is_trained():
    request = plan_request(None, {})

    assert (request.preset, request.dataset, request.members, request.epochs) == ("quick", "fashion", 3, 3)


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
            "unknown option 'run_id'; valid are architecture, at_most, batch_size, beta_nll, brightness,",
        ),
        ("[run]\nmembers = 3", "unknown option 'run'"),
        ("preset = 'notbook'", "There is no preset 'notbook'; did you mean 'notebook'?"),
        ("preset = ''", "There is no preset ''; valid are best, cifar10, digits, fast, notebook, quick, tabular."),
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
        (
            "optimizer = 'nadm'",
            "optimizer: input should be 'nadam', 'adam', 'adamw', 'lion', 'sgd', 'rmsprop' or 'adagrad', found 'nadm'.",
        ),
        ("momentum = 0.9", "momentum and nesterov are options of sgd, but the optimizer is nadam."),
        ("optimizer = 'sgd'\nnesterov = true", "nesterov needs a momentum, such as 0.9."),
        ("schedule = 'one_cycle'\nwarmup_epochs = 1", "warmup_epochs is for the other schedules: one_cycle rises"),
        ("epochs = 5\nwarmup_epochs = 5", "warmup_epochs is 5, which must be less than epochs, 5."),
        ("min_learning_rate = 0.01", "min_learning_rate is 0.01, above learning_rate."),
        ("random_erasing = [0.4, 0.1]", "random_erasing is a smaller and a larger share of the area"),
        ("random_erasing = [0.0, 0.0]", "random_erasing is a smaller and a larger share of the area"),
        ("class_weights = 'even'", 'class_weights: expected "balanced", or a table of weights'),
        ("class_weights = { cat = -1 }", "class_weights: the weight of class 'cat' must be a number of at least 0."),
        ("class_weights = { cat = true }", "class_weights: the weight of class 'cat' must be a number of at least 0."),
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


def test_a_recipe_that_is_a_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        plan_request(tmp_path, {})


def test_a_bad_option_is_not_blamed_on_the_recipe(write):
    recipe = write("members = 3")

    for options in ({"members": 0}, {"epochs": 0}):
        with pytest.raises(InputError, match=r"^The options given: (members|epochs): .* found 0"):
            plan_request(recipe, options)


def test_adamw_decays_weights_by_default_and_the_request_says_how_much(write):
    assert plan_request(write("optimizer = 'adamw'"), {}).recipe().weight_decay == 0.004
    assert plan_request(write("weight_decay = 0.1"), {"optimizer": "adamw"}).weight_decay == 0.1
    assert plan_request(write("optimizer = 'adam'"), {}).weight_decay == 0


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


def test_a_test_of_its_own_is_looked_for_beside_the_recipe_and_draws_none(write, tmp_path):
    (tmp_path / "more.csv").write_text("")

    options = plan_request(write("dataset = 'rows.csv'\ntest = 'more.csv'\nheader = false"), {}).file_options()

    assert (options.test, options.header) == (str(tmp_path / "more.csv"), False)
    with pytest.raises(InputError, match="test_share and split_seed draw test images, and test gives some: leave one"):
        plan_request(write("test = 'more.csv'\ntest_share = 0.3"), {})


def test_files_that_are_not_beside_the_recipe_and_names_are_left_as_they_are(write):
    request = plan_request(write("architecture = 'net.toml'\ndataset = 'fashion'"), {})

    assert (request.architecture, request.dataset) == ("net.toml", "fashion")


def test_names_that_no_file_can_have_are_left_to_whoever_looks_for_the_data_set(write):
    for name in ("a" * 5000, "a\\u0000b"):
        assert len(plan_request(write(f'dataset = "{name}"'), {}).dataset) >= 3


@pytest.mark.parametrize("option", ["architecture", "initial_weights", "test"])
def test_a_file_whose_name_has_a_zero_byte_is_refused(write, option):
    with pytest.raises(InputError, match=f"{option}: no file has a zero byte in its name"):
        plan_request(write(f'{option} = "a\\u0000b"'), {})


def test_the_smallest_share_for_the_validation_is_refused_with_auto(write):
    with pytest.raises(InputError, match="that takes 2000000000 members, and at_most is 20"):
        plan_request(write('members = "auto"\ncalibration_fraction = 0\nvalidation_fraction = 1e-320'), {})


def test_a_name_that_no_option_has_is_refused_in_one_line(write):
    with pytest.raises(InputError, match=r"unknown option 'epo\\nchs'; did you mean 'epochs'\?$"):
        plan_request(write('"epo\\nchs" = 3'), {})


@pytest.mark.parametrize("size", ["48", "'48'", "'48x48'", "[48, 48]"])
def test_the_size_of_image_files_is_said_in_one_of_four_ways(write, size):
    recipe = write(f"image_size = {size}\nskip_damaged = true\ntest_share = 0.3\nsplit_seed = 4")

    options = plan_request(recipe, {}).file_options()

    assert (options.image_size, options.skip_damaged) == ((48, 48), True)
    assert (options.test_share, options.split_seed) == (0.3, 4)


@pytest.mark.parametrize("text", ["image_size = 'wide'", "image_size = true", "image_size = 0", "test_share = 1.0"])
def test_files_cannot_be_read_in_any_way(write, text):
    with pytest.raises(InputError, match=text.split(" ", maxsplit=1)[0]):
        plan_request(write(text), {})


def test_a_folder_beside_the_recipe_is_its_data_set_and_one_that_is_called_like_a_known_one_is_not(write, tmp_path):
    for name in ("photos", "fashion"):
        (tmp_path / name).mkdir()

    assert plan_request(write("dataset = 'photos'"), {}).dataset == str(tmp_path / "photos")
    assert plan_request(write("dataset = 'fashion'"), {}).dataset == "fashion"
