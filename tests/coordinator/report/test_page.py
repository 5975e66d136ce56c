import html
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.planning import plan_request
from coordinator.report import ReportContent
from coordinator.report.certainty import certainty
from coordinator.report.confusion import confusion_matrix, confusion_pixels
from coordinator.report.curves import curve_panels
from coordinator.report.figures import draw_training_curves
from coordinator.report.headline import facts, member_strip
from coordinator.report.page import render_page
from coordinator.report.pictures import film_strip, has_dark_ground, mean_images, on_squares, shown_pixels, shown_size
from coordinator.report.provenance import network, recipe_toml
from shared.architecture import Architecture
from shared.layers import ActivationLayer, Conv2D, Residual
from shared.messages import MemberRecord, TrainedMember, TrainingPart
from shared.networks import notebook_architecture

MakeContent = Callable[..., ReportContent]


def with_confusion(content: ReportContent, confusion: tuple[tuple[int, ...], ...]) -> ReportContent:
    return replace(content, evaluation=content.evaluation.model_copy(update={"confusion": confusion}))


def text_of(content: ReportContent) -> str:
    """Return what the page says, without its markup."""
    body = render_page(content).partition("<body")[2].partition("<script>")[0]
    return " ".join(re.sub(r"<[^>]*>", "", html.unescape(body)).split(" ")).replace("\n", " ")


class Parsed(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]


def test_page_refers_to_nothing_outside_of_itself(make_content: MakeContent) -> None:
    page = render_page(make_content(failed=(1,)))
    addresses = [value for _, name, value in Parsed(page).attributes if name in ("src", "href", "srcset", "action")]

    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not re.search(r"https?://|@import|url\(", page)


def test_training_losses_towards_smoothed_labels_are_told_from_the_others(make_content: MakeContent) -> None:
    content = make_content()
    recipe = content.spec.recipe.model_copy(update={"label_smoothing": 0.1})
    smoothed = replace(content, spec=content.spec.model_copy(update={"recipe": recipe}))

    assert render_page(smoothed).count("smoothed labels") == 2
    assert "smoothed labels" not in render_page(content)


def test_every_picture_says_what_it_shows(make_content: MakeContent) -> None:
    attributes = Parsed(render_page(make_content())).attributes

    sources = [value for tag, name, value in attributes if (tag, name) == ("img", "src")]
    descriptions = [value for tag, name, value in attributes if (tag, name) == ("img", "alt")]
    assert len(sources) == len([text for text in descriptions if text])


def test_every_link_inside_of_the_page_leads_somewhere(make_content: MakeContent) -> None:
    for content in (make_content(), make_content(records=False)):
        attributes = Parsed(render_page(content)).attributes
        places = {value for _, name, value in attributes if name == "id"}
        assert {value[1:] for tag, name, value in attributes if (tag, name) == ("a", "href")} <= places


def test_title_errors_and_names_are_escaped(make_content: MakeContent) -> None:
    hostile = "</title><script>alert('1')</script>"
    page = render_page(
        make_content(title=hostile, error=hostile, failed=(0,), class_names=(hostile, hostile, "b", "c"))
    )

    assert hostile not in page
    assert page.count("<script>") == 1
    assert html.escape(hostile, quote=False).replace("'", "&#39;") in page


def test_page_states_score_gains_counts_and_parity(make_content: MakeContent) -> None:
    content = make_content(members=4, failed=(2,))
    page = render_page(content)

    assert f"{100 * content.evaluation.test.accuracy:.2f}<small>" in page
    assert f"<strong>+{100 * content.gain_over_best:.2f}</strong> points over the best member" in page
    assert "3 of 4" in page
    assert "1\u00a0member failed" in page
    assert "3.0e-07" in page


def test_bare_weight_files_show_no_training_curves(make_content: MakeContent) -> None:
    content = make_content(records=False)

    assert curve_panels(content) == ()
    assert 'id="curves"' not in render_page(content)


def test_confusion_is_coloured_by_the_largest_count_off_the_diagonal(make_content: MakeContent) -> None:
    content = make_content()
    counts = np.array(content.evaluation.confusion)
    largest = max(int(counts[row, column]) for row in range(4) for column in range(4) if row != column)
    matrix = confusion_matrix(content)

    for row in range(4):
        for column in range(4):
            cell = matrix.rows[row].cells[column]
            assert cell.count == counts[row, column]
            assert cell.strength == pytest.approx(0 if row == column else counts[row, column] / largest)
    assert matrix.errors == counts.sum() - counts.trace()
    assert matrix.worst[0].count == largest
    assert matrix.hardest[0].recall == min(counts[row, row] / counts[row].sum() for row in range(4))


def test_a_class_without_test_images_is_neither_hard_nor_easy(make_content: MakeContent) -> None:
    content = make_content(classes=4, test_size=3, accuracy=0.0)
    matrix = confusion_matrix(content)

    assert [row.recall for row in matrix.rows] == [0.0, 0.0, 0.0, None]
    assert [row.name for row in matrix.hardest] == ["class 0", "class 1", "class 2"]
    assert matrix.hardest == matrix.easiest
    assert "class 0 and 2 more are the hardest classes: 0.0\u00a0% right. 1\u00a0class without a test image" in text_of(
        content
    )
    assert '<td class="recall">\N{EN DASH}</td>' in render_page(content)


def test_the_hardest_and_the_easiest_class_are_told_with_their_counts(make_content: MakeContent) -> None:
    content = with_confusion(make_content(classes=3, test_size=30), ((9, 1, 0), (4, 6, 0), (0, 0, 0)))

    said = text_of(content)

    assert "class 1 is the hardest class: 6 of 10 right, 60.0\u00a0%." in said
    assert "class 0 is the easiest class: 9 of 10 right, 90.0\u00a0%." in said
    assert "1\u00a0class without a test image cannot be told." in said


def test_many_classes_turn_the_matrix_into_a_picture(make_content: MakeContent) -> None:
    content = make_content(classes=30, test_size=120)

    assert confusion_pixels(content, (1, 2, 3)).shape == (30, 30, 4)
    assert "confusion-picture" in render_page(content)
    assert '<table class="confusion"' not in render_page(content)


def test_labels_of_the_strip_have_room_and_no_dot_leaves_it(make_content: MakeContent) -> None:
    for members in (1, 2, 100):
        strip = member_strip(make_content(members=members))
        assert min(strip.mean, strip.ensemble) >= 20
        assert max(strip.mean, strip.ensemble) <= 80
        assert all(0 < dot.left < 100 for dot in strip.dots)
        assert len({(round(dot.left, 3), dot.bottom_px) for dot in strip.dots}) == members


@pytest.mark.parametrize("accuracy", [0.0, 0.97, 1.0])
def test_no_axis_goes_beyond_what_there_can_be(make_content: MakeContent, accuracy: float) -> None:
    content = make_content(members=4, accuracy=accuracy, epochs=3)
    member = content.records[0].member
    assert isinstance(member, TrainedMember)
    numbers = {"train_loss": 0.001, "validation_loss": 0.0, "train_accuracy": 1.0, "validation_accuracy": accuracy}
    history = tuple(epoch.model_copy(update=numbers) for epoch in member.history)
    record = MemberRecord(member=member.model_copy(update={"history": history}))
    content = replace(content, records=dict.fromkeys(content.records, record))

    loss, accuracies = curve_panels(content)
    figure = draw_training_curves(content)

    shares = [float(tick.label.removesuffix("\u00a0%")) for tick in member_strip(content).ticks]
    assert shares
    assert all(0 <= share <= 100 for share in shares)
    assert all(0 <= float(tick.label) <= 1 for tick in accuracies.y_ticks)
    assert all(float(tick.label) >= 0 for tick in loss.y_ticks)
    assert figure is not None
    assert all(0 <= place <= 1 for place in figure.axes[1].get_yticks())
    assert all(place >= 0 for place in figure.axes[0].get_yticks())


@pytest.mark.parametrize("epochs", range(1, 31))
def test_the_epochs_axis_has_whole_numbers_however_long_the_longest_history_is(
    make_content: MakeContent, epochs: int
) -> None:
    (loss, _) = curve_panels(make_content(members=1, epochs=epochs, classes=2, test_size=20))

    labels = [tick.label for tick in loss.x_ticks]
    assert 2 <= len(labels) <= 8
    assert all(label.isdecimal() and 1 <= int(label) <= max(2, epochs) for label in labels)


def test_long_histories_are_thinned_out_but_end_where_they_end(make_content: MakeContent) -> None:
    (loss, _) = curve_panels(make_content(members=20, epochs=1200, classes=2, test_size=20))
    (member, *_) = loss.members

    assert member.train.count("L") <= 500
    assert "L100.00 " in member.train


BLOCK = Residual(layers=(Conv2D(filters=4), ActivationLayer(activation="relu")))


@pytest.mark.parametrize("change", ["none", "a residual block", "the notebook's network in the preset best"])
def test_recipe_plans_the_same_run_again(make_content: MakeContent, tmp_path: Path, change: str) -> None:
    spec = make_content().spec
    assert spec is not None
    if change == "a residual block":
        first, *others = spec.architecture.layers
        spec = spec.model_copy(update={"architecture": Architecture(layers=(first, BLOCK, *others))})
    elif change != "none":
        spec = spec.model_copy(update={"preset": "best", "architecture": notebook_architecture()})
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_toml(spec), encoding="utf-8")

    request = plan_request(path, {})

    assert tomllib.loads(path.read_text(encoding="utf-8"))["seed"] == 42
    assert request.recipe() == spec.recipe
    assert request.layers == spec.architecture.layers
    assert (request.members, request.min_members, request.seed) == (spec.members, spec.min_members, spec.seed)


def test_a_residual_block_is_told_behind_its_layers(make_content: MakeContent) -> None:
    spec = make_content().spec
    assert spec is not None
    first, *others = spec.architecture.layers
    spec = spec.model_copy(update={"architecture": Architecture(layers=(first, BLOCK, *others))})

    lines = network(spec)

    assert [line.name for line in lines] == ["conv2d", "conv2d", "activation", "residual", "flatten", "dense"]
    assert lines[3].details == "adds the input of the 2 layers above"
    assert lines[3].parameters == 0


@pytest.mark.parametrize(
    ("shape", "shown", "said"),
    [
        ((28, 28, 1), (28, 28), "28x28"),
        ((1, 1, 1), (8, 8), "1x1"),
        ((512, 512, 3), (64, 64), "512x512 in colour"),
        ((96, 64, 3), (48, 32), "96x64 in colour"),
        ((3, 224, 1), (14, 56), "3x224, drawn 19 times as high as they are, to be seen at all"),
        ((224, 3, 3), (56, 14), "224x3 in colour, drawn 19 times as wide as they are, to be seen at all"),
        ((32, 32, 2), (32, 32), "32x32, 2 channels, of which the mean is shown"),
        ((9, 9, 13), (9, 9), "9x9, 13 channels, of which the first three are shown as red, green and blue"),
    ],
)
def test_pictures_can_be_seen_and_the_page_says_what_they_leave_out_or_stretch(
    make_content: MakeContent, shape: tuple[int, int, int], shown: tuple[int, int], said: str
) -> None:
    content = make_content(shape=shape, test_size=20)

    assert shown_pixels(content.dataset.x_test, content.dataset).shape[1:3] == shown
    assert mean_images(content.dataset).shape[1:3] == shown
    assert f"20\u00a0test images, {said}." in text_of(content).replace("\u00a0\u00d7\u00a0", "x")


@given(height=st.integers(1, 3000), width=st.integers(1, 3000))
def test_no_picture_is_a_hairline_nor_heavy(height: int, width: int) -> None:
    shown = shown_size(height, width)

    assert 8 <= max(shown) <= 64
    assert min(shown) >= max(shown) / 4
    assert (shown[0] - shown[1]) * (height - width) >= 0


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pictures_are_grey_or_rgb_whatever_the_channels(make_content: MakeContent, channels: int) -> None:
    dataset = make_content(shape=(6, 9, channels)).dataset
    pixels = shown_pixels(dataset.x_test[:5], dataset)

    assert pixels.shape == ((5, 6, 9) if channels < 3 else (5, 6, 9, 3))
    assert film_strip(list(pixels), 6).shape == (6, 6 * 10 - 1, 4)


@pytest.mark.parametrize("shape", [(2, 9, 7), (2, 7, 9), (2, 8, 8), (2, 4, 9, 3)])
def test_pictures_are_put_in_the_middle_of_squares(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    squares = on_squares(pixels, ground=255)
    side = max(shape[1:3])
    top, left = ((side - length) // 2 for length in shape[1:3])

    assert squares.shape == (2, side, side, *shape[3:])
    assert np.array_equal(squares[:, top : top + shape[1], left : left + shape[2]], pixels)
    assert (squares == 255).sum() == squares.size - pixels.size


def test_floats_and_bytes_look_alike(make_content: MakeContent) -> None:
    of_bytes, of_floats = make_content().dataset, make_content(float_images=True).dataset

    assert np.array_equal(shown_pixels(of_bytes.x_test, of_bytes), shown_pixels(of_floats.x_test, of_floats))


def test_mean_image_is_the_mean_of_a_class(make_content: MakeContent) -> None:
    dataset = make_content().dataset
    lowest, highest = dataset.x_train.min(), dataset.x_train.max()
    mean = dataset.x_train[dataset.y_train == 2].astype(float).mean(axis=0)[..., 0]

    assert np.array_equal(mean_images(dataset)[2], np.rint((mean - lowest) / (highest - lowest) * 255))


def test_only_grey_images_on_black_are_drawn_like_print(make_content: MakeContent) -> None:
    noise = make_content().dataset
    on_black = type(noise)(**{**vars(noise), "x_train": np.pad(noise.x_train, ((0, 0), (2, 2), (2, 2), (0, 0)))})

    assert has_dark_ground(on_black)
    assert not has_dark_ground(noise)


def test_members_without_a_record_are_counted(make_content: MakeContent) -> None:
    content = make_content(members=3, failed=(0,))
    evaluation = content.evaluation.model_copy(update={"requested": 5})
    (members, *_) = facts(ReportContent(**{**vars(content), "evaluation": evaluation}))

    assert (members.value, members.more) == ("2 of 5", "1 failed, 2 not in the ensemble")


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


def test_engines_and_hosts_are_named_or_counted(make_content: MakeContent) -> None:
    alike = facts(make_content(members=3))[2]
    different = facts(make_content(members=3, hosts=2))[2]

    assert (alike.value, alike.more) == ("tensorflow", "cpu:0, host-0")
    assert (different.value, different.more) == (
        "tensorflow\u00a0(2), torch\u00a0(1)",
        "2\u00a0devices, 2\u00a0hosts",
    )


def test_names_from_right_to_left_keep_to_themselves(make_content: MakeContent) -> None:
    names = ("קמיץ (2)", "صندل!", "coat", "bag")
    content = make_content(class_names=names, title="עברית")
    page = render_page(content)
    body = page.partition("<body")[2]

    for name in (*names[:2], "עברית"):
        assert f">{name}<" in body
        assert (
            re.sub(
                rf"<bdi[^>]*>{re.escape(name)}</bdi>|\u2068{re.escape(name)}\u2069|title=\"[^\"]*\"", "", page
            ).count(name)
            == 0
        )
    assert "\u2068coat" not in page


def test_a_table_that_scrolls_says_so(make_content: MakeContent) -> None:
    assert "All 30 members are in the table: it scrolls" in text_of(make_content(members=30))
    assert "members are in the table" not in text_of(make_content(members=10))
    assert "The first 200 members are in the table" in text_of(make_content(members=201, classes=2, test_size=20))


def test_the_headline_tells_of_the_loss_and_of_how_sure_the_accuracy_is(make_content: MakeContent) -> None:
    content = make_content(members=4, test_size=60)
    said = text_of(content)

    assert f"{certainty(content)}." in said
    assert (
        f"{content.evaluation.test.loss:.5f} test loss, {content.mean_member_loss:.5f} for the average member" in said
    )


def test_foreign_text_has_no_control_characters_on_the_page(make_content: MakeContent) -> None:
    content = make_content(failed=(1,))
    dataset = replace(content.dataset, name="a \x1b[31mname\x7f\u202e")

    page = render_page(replace(content, title="run \x9b2J", dataset=dataset))

    assert "a \ufffd[31mname\ufffd\ufffd" in page
    assert not [character for character in page if ord(character) < 32 and character not in "\n\t"]
    assert not re.search("[\x7f-\x9f\u202e]", page)
