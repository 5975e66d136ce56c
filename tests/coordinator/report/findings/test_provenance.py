import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import typer.main

from deepchord.coordinator.cli import commands
from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.findings import recipe_toml, train_again
from deepchord.coordinator.report.findings.provenance import network
from deepchord.coordinator.report.page import render_page
from deepchord.coordinator.runs import plan_request
from deepchord.shared.messages import Distillation, ImageFiles, MemberRecord, StratifiedSplit, TrainingPart
from deepchord.shared.network import ActivationLayer, Architecture, Conv2D, Residual, notebook_architecture
from deepchord.shared.saved_models import network_to_train

MakeContent = Callable[..., ReportContent]


BLOCK = Residual(layers=(Conv2D(filters=4), ActivationLayer(activation="relu")))


@pytest.mark.parametrize(
    "change", ["none", "a residual block", "options with tables and lists", "the notebook's network in the preset best"]
)
def test_recipe_plans_the_same_run_again(make_content: MakeContent, tmp_path: Path, change: str) -> None:
    spec = make_content().spec
    assert spec is not None
    if change == "a residual block":
        first, *others = spec.architecture.layers
        spec = spec.model_copy(update={"architecture": Architecture(layers=(first, BLOCK, *others))})
    elif change == "options with tables and lists":
        options = {"class_weights": {"T-shirt/top": 2.5, '"': 1.0, "7": 0.0}, "random_erasing": (0.1, 0.25)}
        spec = spec.model_copy(update={"recipe": spec.recipe.model_copy(update=options)})
    elif change != "none":
        spec = spec.model_copy(update={"preset": "best", "architecture": notebook_architecture()})
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_toml(spec), encoding="utf-8")

    request = plan_request(path, {})

    assert tomllib.loads(path.read_text(encoding="utf-8"))["seed"] == 42
    assert request.recipe() == spec.recipe
    assert request.layers == spec.architecture.layers
    assert (request.members, request.min_members, request.seed) == (spec.members, spec.min_members, spec.seed)


def test_a_distilled_run_is_distilled_again_with_its_network_and_options(make_content: MakeContent, tmp_path) -> None:
    spec = make_content().spec
    assert spec is not None
    teacher = Distillation(teacher="20260504-030201-ab12", share=0.5)
    recipe = spec.recipe.model_copy(update={"epochs": 75, "flip": True, "learning_rate": 0.003})
    again = {"preset": "notebook", "architecture": notebook_architecture(), "recipe": recipe, "members": 2}
    spec = spec.model_copy(update={**again, "distillation": teacher})
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_toml(spec), encoding="utf-8")

    program, name, *arguments = train_again(spec).split()
    given = typer.main.get_command(commands).commands[name].make_context(name, arguments).params

    assert (program, given["run"], given["share"], given["temperature"]) == ("deepchord", teacher.teacher, 0.5, None)
    assert (given["members"], given["seed"], given["flip"], given["epochs"]) == (2, spec.seed, True, 75)
    assert (given["learning_rate"], given["batch_size"], given["shift"]) == (0.003, recipe.batch_size, recipe.shift)
    assert (tmp_path / given["architecture"]) == path
    assert network_to_train(path, spec.dataset.input_shape, spec.dataset.classes) == spec.architecture


def test_a_recipe_says_how_image_files_were_read_and_the_test_drawn(make_content: MakeContent, tmp_path: Path) -> None:
    spec = make_content().spec
    assert spec is not None
    made = {"files": ImageFiles(scaled=True, skipped=2), "split": StratifiedSplit(share=0.3, seed=5)}
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_toml(spec.model_copy(update={"dataset": spec.dataset.model_copy(update=made)})))

    options = plan_request(path, {}).file_options()

    assert options.image_size == spec.dataset.input_shape[:2]
    assert (options.skip_damaged, options.test_share, options.split_seed) == (True, 0.3, 5)
    given = {"split": None, "test_name": "test.npz"}
    path.write_text(recipe_toml(spec.model_copy(update={"dataset": spec.dataset.model_copy(update=given)})))
    assert plan_request(path, {}).test == "test.npz"


def test_a_residual_block_is_told_as_the_sum_behind_its_layers(make_content: MakeContent) -> None:
    spec = make_content().spec
    assert spec is not None
    first, *others = spec.architecture.layers
    spec = spec.model_copy(update={"architecture": Architecture(layers=(first, BLOCK, *others))})

    lines = network(spec)

    assert [line.name for line in lines] == [
        "conv2d_1",
        "conv2d_2",
        "activation_1",
        "residual_1",
        "flatten_1",
        "dense_1",
    ]
    assert lines[3].details == "takes conv2d_1 and activation_1"
    assert lines[3].parameters == 0


def test_members_that_were_resumed_say_who_trained_which_epochs(make_content: MakeContent) -> None:
    content = make_content(members=2, epochs=5)
    member = content.records[1].member
    other = member.trainer.model_copy(update={"engine": "plaidml", "host": "mac", "device": "metal_amd.0"})
    parts = (
        TrainingPart(attempt=1, trainer=other, epochs=1, optimizer_continued=False),
        TrainingPart(attempt=2, trainer=member.trainer, epochs=2, optimizer_continued=False),
        TrainingPart(attempt=3, trainer=member.trainer, epochs=2, optimizer_continued=True),
    )
    resumed = MemberRecord(member=member.model_copy(update={"parts": parts}))
    content = replace(content, records={**content.records, 1: resumed})
    here = f"{member.trainer.host} ({member.trainer.engine} {member.trainer.device}"

    page = render_page(content)

    assert (
        f"Member 1: 1 epoch on mac (plaidml metal_amd.0), then 2 epochs on {here}, its optimizer begun afresh), "
        f"then 2 epochs on {here})"
    ) in page
    assert "<dt>Resumed</dt>" not in render_page(make_content())
