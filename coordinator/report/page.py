"""One self-contained HTML page: everything a template needs, laid out, and the template filled in."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from coordinator.report import formats, provenance
from coordinator.report.confusion import ConfusionMatrix, confusion_matrix, confusion_pixels
from coordinator.report.content import ReportContent
from coordinator.report.curves import CurvePanel, curve_panels
from coordinator.report.gallery import ClassPictures, Mistake, class_pictures, mistakes
from coordinator.report.headline import Fact, MemberStrip, facts, member_strip
from coordinator.report.member_table import MemberTable, member_table
from coordinator.report.pictures import data_uri, has_dark_ground
from shared.printable import printable

_HEAT = (214, 98, 32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """All that the template shows."""

    content: ReportContent
    facts: tuple[Fact, ...]
    strip: MemberStrip
    table: MemberTable
    panels: tuple[CurvePanel, ...]
    confusion: ConfusionMatrix
    #: The matrix as a PNG where its counts do not fit.
    confusion_picture: str | None
    mistakes: tuple[Mistake, ...]
    classes: tuple[ClassPictures, ...]
    #: Grey images on black are drawn like print, dark on light, where the page is light.
    dark_ground: bool
    software: tuple[str, ...]
    #: A line for each member that more than one attempt trained.
    resumptions: tuple[str, ...]
    network: tuple[provenance.LayerLine, ...]
    recipe: str
    version: str
    written_at: datetime


def render_page(content: ReportContent) -> str:
    """Return the page as HTML; it needs no network and no other file."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for used in (formats.percent, formats.points, formats.duration, formats.count, formats.failure_of):
        environment.filters[used.__name__] = used
    environment.filters["place"] = _place
    return printable(environment.get_template("page.html").render(page=_page(content), content=content))


def _page(content: ReportContent) -> Page:
    confusion = confusion_matrix(content)
    return Page(
        content=content,
        facts=facts(content),
        strip=member_strip(content),
        table=member_table(content),
        panels=curve_panels(content),
        confusion=confusion,
        confusion_picture=None if confusion.has_counts else data_uri(confusion_pixels(content, _HEAT)),
        mistakes=mistakes(content),
        classes=class_pictures(content.dataset),
        dark_ground=has_dark_ground(content.dataset),
        software=provenance.software(content),
        resumptions=provenance.resumptions(content),
        network=provenance.network(content.spec) if content.spec else (),
        recipe=provenance.recipe_toml(content.spec) if content.spec else "",
        version=provenance.deepchord_version(),
        written_at=datetime.now(UTC),
    )


def _place(percentage: float) -> str:
    return f"{percentage:.2f}%"
