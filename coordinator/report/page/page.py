"""One self-contained HTML page: all values that the templates show, and the templates filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from deepchord.coordinator.report.content import ReportContent, short_names
from deepchord.coordinator.report.findings import (
    MAX_SHEET_CLASSES,
    ConfusionMatrix,
    CurvePanel,
    KeptRow,
    LayerLine,
    abstention_source,
    balance_sentence,
    calibration_source,
    certainty,
    conformal_sentence,
    confusion_matrix,
    confusion_pixels,
    curve_panels,
    data_notes,
    data_uri,
    deepchord_version,
    disagreement_of_gains,
    doubts,
    gain_words,
    has_dark_ground,
    has_own_files,
    kept_rows,
    kept_sentence,
    network,
    recipe_toml,
    resumptions,
    shift_sentence,
    size_sentence,
    software,
    trust_conclusion,
    unseen_sentence,
)
from deepchord.coordinator.report.page.columns import ColumnLine, column_lines
from deepchord.coordinator.report.page.environment import new_environment
from deepchord.coordinator.report.page.facts import Fact
from deepchord.coordinator.report.page.gallery import ClassPictures, ImageCard, class_pictures, mistakes
from deepchord.coordinator.report.page.headline import facts, member_strip
from deepchord.coordinator.report.page.member_table import MemberTable, member_table
from deepchord.coordinator.report.page.strip import MemberStrip
from deepchord.coordinator.report.page.trust import Trust, trust
from deepchord.shared.command_line import printable

#: Columns of a terminal that a short name takes.
_SHORT = 24
_HEAT = (214, 98, 32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """All that the template shows."""

    content: ReportContent
    facts: tuple[Fact, ...]
    #: Test images that were trained on; what makes the result doubtful, and the likely causes.
    doubts: tuple[str, ...]
    strip: MemberStrip
    table: MemberTable
    #: Short names of the classes, for places with little room.
    short: Mapping[str, str]
    #: Whether some of them end in the number of their class.
    numbered: bool
    panels: tuple[CurvePanel, ...]
    confusion: ConfusionMatrix
    #: The matrix as a PNG where its counts do not fit.
    confusion_picture: str | None
    #: None: an earlier version did not measure it.
    trust: Trust | None
    #: What a distilled run keeps of its teacher, a row each; empty: it is none.
    kept: tuple[KeptRow, ...]
    mistakes: tuple[ImageCard, ...]
    classes: tuple[ClassPictures, ...]
    #: Of a table; of images there are none.
    columns: tuple[ColumnLine, ...]
    #: Grey images on black are drawn like print, dark on light, where the page is light.
    dark_ground: bool
    #: What was noticed when the data set was read.
    data_notes: tuple[str, ...]
    #: Whether the data set has to lie beside the recipe.
    needs_data: bool
    software: tuple[str, ...]
    #: A line for each member that more than one attempt trained.
    resumptions: tuple[str, ...]
    network: tuple[LayerLine, ...]
    recipe: str
    version: str
    written_at: datetime


def render_page(content: ReportContent) -> str:
    """Return the page as HTML; it needs no network and no other file."""
    of_trust = (trust_conclusion, calibration_source, abstention_source, conformal_sentence, size_sentence)
    of_studies = (unseen_sentence, shift_sentence)
    of_gains = (certainty, kept_sentence, disagreement_of_gains)
    environment = new_environment(content, (*of_trust, *of_studies, *of_gains))
    environment.filters |= {used.__name__: used for used in (balance_sentence, gain_words)}
    environment.globals["max_sheet_classes"] = MAX_SHEET_CLASSES
    return printable(environment.get_template("page.html").render(page=_page(content), content=content))


def _page(content: ReportContent) -> Page:
    confusion, names = confusion_matrix(content), content.dataset.class_names
    short = dict(zip(names, short_names(names, _SHORT), strict=True))
    return Page(
        content=content,
        facts=facts(content),
        doubts=tuple(map(content.worded, doubts(content))),
        strip=member_strip(content),
        table=member_table(content),
        short=short,
        numbered=any(name.endswith(f" #{number}") for number, name in enumerate(short.values())),
        panels=curve_panels(content),
        confusion=confusion,
        confusion_picture=None if confusion.has_counts else _picture(content, confusion),
        trust=trust(content),
        kept=kept_rows(content),
        mistakes=mistakes(content),
        classes=() if content.dataset.table else class_pictures(content.dataset),
        columns=column_lines(content.dataset),
        dark_ground=content.dataset.table is None and has_dark_ground(content.dataset),
        data_notes=data_notes(content.dataset),
        needs_data=has_own_files(content.dataset),
        software=software(content),
        resumptions=resumptions(content),
        network=network(content.spec) if content.spec else (),
        recipe=recipe_toml(content.spec) if content.spec else "",
        version=deepchord_version(),
        written_at=datetime.now(UTC),
    )


def _picture(content: ReportContent, confusion: ConfusionMatrix) -> str:
    return data_uri(confusion_pixels(content, _HEAT, confusion.classes_per_point))
