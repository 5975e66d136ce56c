"""One self-contained HTML page: all values that the templates show, and the templates filled in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import BaseLoader, Environment, FunctionLoader, StrictUndefined

from deepchord.coordinator.report.content import (
    ReportContent,
    count,
    duration,
    failure_of,
    isolated,
    percent,
    points,
    short_names,
)
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
    image_kind,
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
from deepchord.coordinator.report.page.columns import ColumnLine, column_lines, table_kind, table_sentences
from deepchord.coordinator.report.page.gallery import ClassPictures, ImageCard, class_pictures, mistakes
from deepchord.coordinator.report.page.headline import Fact, MemberStrip, facts, member_strip
from deepchord.coordinator.report.page.member_table import MemberTable, member_table
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
    environment = Environment(
        loader=_loader(content),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    of_trust = (trust_conclusion, calibration_source, abstention_source, conformal_sentence, size_sentence)
    of_studies = (unseen_sentence, shift_sentence)
    for sentence in (*of_trust, *of_studies, certainty, kept_sentence, disagreement_of_gains):
        environment.filters[sentence.__name__] = _worded(content, sentence)
    of_data = (image_kind, table_kind, table_sentences, balance_sentence)
    for used in (*of_data, gain_words, isolated, percent, points, duration, count, failure_of, content.worded):
        environment.filters[used.__name__] = used
    environment.filters["place"] = _place
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


def _loader(content: ReportContent) -> BaseLoader:
    """Return what loads the templates, which speak of images; for a table they speak of rows."""
    folder = Path(__file__).parent / "templates"

    def load(name: str) -> str:
        return content.worded((folder / name).read_text(encoding="utf-8"))

    return FunctionLoader(load)


def _worded(content: ReportContent, sentence: Callable[..., str]) -> Callable[..., str]:
    """Return a function that writes the same sentence in the words for what the data set holds."""
    return lambda *arguments: content.worded(sentence(*arguments))


def _place(percentage: float) -> str:
    return f"{percentage:.2f}%"
