"""The network, the run and the seeds of its members, from a request."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.coordinator.report.findings import recipe_toml
from deepchord.coordinator.runs import plan_architecture, plan_member, plan_request, plan_run
from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, RunSpec
from deepchord.shared.network import Architecture, Dense, Flatten

DATASET = DatasetInfo(
    name="digits", sha256="0" * 64, input_shape=(28, 28, 1), class_names=("0", "1"), train_size=10, test_size=5
)
TINY = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)

seeds = st.integers(0, 2**32 - 1)


def run_of(options: dict[str, object], **changes: object) -> RunSpec:
    run = plan_run(plan_request(None, options), TINY, DATASET, max_attempts=3, now=NOW)
    return run.model_copy(update=changes)


@pytest.mark.parametrize(("shift", "cutout"), [(7, 0), (0, 7), (3, 4)])
def test_augmentation_that_could_leave_nothing_of_an_image_is_refused(write, shift, cutout):
    layers = "layers = [{type='flatten'}, {type='dense', units='classes', activation='softmax'}]"
    request = plan_request(write(f"shift = {shift}\ncutout = {cutout}\n{layers}"), {})
    assert plan_architecture(request, (8, 9, 1), 10) == TINY

    request = plan_request(write(f"shift = {shift + 1}\ncutout = {cutout}\n{layers}"), {})
    with pytest.raises(InputError, match=f"shift = {shift + 1} and cutout = {cutout} could .* images of 8x9 pixels"):
        plan_architecture(request, (8, 9, 1), 10)


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
        ("architecture = ''", "is a folder; give the file in it"),
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


@pytest.mark.parametrize(
    ("preset", "class_sizes", "stratify"),
    [
        ("fast", [6_000] * 10, False),  # Fashion-MNIST
        ("best", [5_421, 6_742], False),  # the smallest and the largest class of MNIST
        ("fast", [500] * 100, True),  # CIFAR-100
        ("quick", [95_000, 400], True),
        ("quick", [95_000, 5_000], False),
        ("quick", [50, 50, 50], True),
        ("quick", [6_000, 0], False),  # nothing to have a share of
        ("notebook", [100, 20], True),
    ],
)
def test_a_new_run_with_a_small_class_holds_out_its_share_of_it(preset, class_sizes, stratify):
    request = plan_request(None, {"preset": preset})
    run = plan_run(request, TINY, DATASET, max_attempts=1, class_sizes=class_sizes)

    assert run.recipe.stratify is stratify


@pytest.mark.parametrize(
    ("options", "stratify"),
    [({"stratify": False}, False), ({"stratify": True}, True)],
)
def test_a_recipe_that_says_how_to_split_is_taken_at_its_word(options, stratify):
    for class_sizes in ([50, 50], [90_000, 90_000]):
        run = plan_run(plan_request(None, options), TINY, DATASET, max_attempts=1, class_sizes=class_sizes)

        assert run.recipe.stratify is stratify


def test_a_recipe_that_an_earlier_version_wrote_keeps_its_splits(tmp_path):
    run = plan_run(plan_request(None, {"seed": 1}), TINY, DATASET, max_attempts=1, class_sizes=[90_000] * 2)
    lines = recipe_toml(run).splitlines()
    (tmp_path / "older.toml").write_text("\n".join(line for line in lines if "stratify" not in line))

    again = plan_run(plan_request(tmp_path / "older.toml", {}), TINY, DATASET, max_attempts=1, class_sizes=[5, 5])

    assert again.recipe == run.recipe
