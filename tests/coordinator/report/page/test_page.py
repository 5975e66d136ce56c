import html
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from deepchord.coordinator.report import ReportContent
from deepchord.coordinator.report.findings import certainty, curve_panels
from deepchord.coordinator.report.page import render_page
from deepchord.coordinator.report.page.headline import facts, member_strip
from deepchord.shared.messages import RunLabels

MakeContent = Callable[..., ReportContent]
PageText = Callable[[ReportContent], str]


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


def test_the_page_says_whose_the_run_is_and_what_it_is_called(make_content: MakeContent) -> None:
    content = make_content()
    labels = RunLabels(owner="bob@<box>", name="baseline", tags={"study": "drop & out"})

    page = render_page(replace(content, spec=content.spec.model_copy(update={"labels": labels})))

    assert f"<dd>{content.spec.run_id}, called baseline</dd>" in page
    assert "by <bdi>bob@&lt;box&gt;</bdi>" in page
    assert "<bdi>study=drop &amp; out</bdi>" in page
    assert "<dt>Tags</dt>" not in render_page(content)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"label_smoothing": 0.1}, "towards smoothed labels"),
        ({"cutmix": 1.0, "class_weights": "balanced"}, "weighted, towards mixed labels"),
        ({"label_smoothing": 0.1, "mixup": 0.2}, "towards smoothed and mixed labels"),
    ],
)
def test_training_losses_that_are_of_another_kind_are_told_from_the_others(
    make_content: MakeContent, options: dict[str, object], kind: str
) -> None:
    content = make_content()
    recipe = content.spec.recipe.model_copy(update=options)
    changed = replace(content, spec=content.spec.model_copy(update={"recipe": recipe}))

    assert render_page(changed).count(f"Training losses are {kind}, so they do not compare") == 2
    assert "Training losses are" not in render_page(content)


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


def test_labels_of_the_strip_have_room_and_no_dot_leaves_it(make_content: MakeContent) -> None:
    for members in (1, 2, 100):
        strip = member_strip(make_content(members=members))
        assert min(strip.mean, strip.ensemble) >= 20
        assert max(strip.mean, strip.ensemble) <= 80
        assert all(0 < dot.left < 100 for dot in strip.dots)
        assert len({(round(dot.left, 3), dot.bottom_px) for dot in strip.dots}) == members


def test_members_without_a_record_are_counted(make_content: MakeContent) -> None:
    content = make_content(members=3, failed=(0,))
    evaluation = content.evaluation.model_copy(update={"requested": 5})
    (members, *_) = facts(ReportContent(**{**vars(content), "evaluation": evaluation}))

    assert (members.value, members.more) == ("2 of 5", "1 failed, 2 not in the ensemble")


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


def test_a_table_that_scrolls_says_so(make_content: MakeContent, page_text: PageText) -> None:
    assert "All 30 members are in the table: it scrolls" in page_text(make_content(members=30))
    assert "members are in the table" not in page_text(make_content(members=10))
    assert "The first 200 members are in the table" in page_text(make_content(members=201, classes=2, test_size=20))


def test_the_headline_tells_of_the_loss_and_of_how_sure_the_accuracy_is(
    make_content: MakeContent, page_text: PageText
) -> None:
    content = make_content(members=4, test_size=60)
    said = page_text(content)

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
