"""One self-contained HTML page about predicted labels: all values that the templates show, filled in."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deepchord.coordinator.report.findings import (
    CurvePanel,
    LayerLine,
    curve_panels,
    data_notes,
    deepchord_version,
    has_dark_ground,
    has_own_files,
    network,
    recipe_toml,
    resumptions,
    software,
)
from deepchord.coordinator.report.multilabel.content import MultilabelContent
from deepchord.coordinator.report.multilabel.findings import (
    MEASURES,
    LabelLine,
    calibration_sentence,
    conclusion,
    doubts,
    gain_sentence,
    label_lines,
    loss_sentence,
    size_sentence,
    spread_sentence,
)
from deepchord.coordinator.report.multilabel.page.cards import RowCard, surprising_cards, uncertain_cards
from deepchord.coordinator.report.multilabel.page.charts import trust_charts
from deepchord.coordinator.report.multilabel.page.columns import column_lines
from deepchord.coordinator.report.multilabel.page.headline import facts, member_strip
from deepchord.coordinator.report.multilabel.tables import columns, member_rows, total_rows
from deepchord.coordinator.report.page import TEMPLATES, new_environment
from deepchord.coordinator.report.page.charts import Chart
from deepchord.coordinator.report.page.columns import ColumnLine
from deepchord.coordinator.report.page.facts import Fact
from deepchord.coordinator.report.page.member_table import MemberTable, table_of_members
from deepchord.coordinator.report.page.strip import MemberStrip
from deepchord.shared.command_line import printable

_TEMPLATES = Path(__file__).parent / "templates"
#: These columns would make the table wider than a page; `summary.csv` has them.
_LEFT_OUT = ("kept_train_loss", "kept_train_hamming_loss")
#: Of more labels the page has the first ones; `summary.json` has all.
_MAX_LABELS = 200


@dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """All that the template shows."""

    facts: tuple[Fact, ...]
    doubts: tuple[str, ...]
    strip: MemberStrip
    table: MemberTable
    labels: tuple[LabelLine, ...]
    panels: tuple[CurvePanel, ...]
    trust: tuple[Chart, ...]
    uncertain: tuple[RowCard, ...]
    surprising: tuple[RowCard, ...]
    #: Of a table; of images there are none.
    columns: tuple[ColumnLine, ...]
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


def render_page(content: MultilabelContent) -> str:
    """Return the page as HTML; it needs no network and no other file."""
    of_trust = (conclusion, calibration_sentence, spread_sentence, size_sentence)
    environment = new_environment(content, (*of_trust, gain_sentence, loss_sentence), (_TEMPLATES, TEMPLATES))
    return printable(environment.get_template("labels.html").render(page=_page(content), content=content))


def _page(content: MultilabelContent) -> Page:
    dataset = content.dataset
    return Page(
        facts=facts(content),
        doubts=tuple(map(content.worded, doubts(content))),
        strip=member_strip(content),
        table=_table(content),
        labels=label_lines(content)[:_MAX_LABELS],
        panels=curve_panels(content, MEASURES),
        trust=trust_charts(content),
        uncertain=uncertain_cards(content),
        surprising=surprising_cards(content),
        columns=column_lines(content),
        dark_ground=dataset.table is None and has_dark_ground(dataset),
        data_notes=data_notes(dataset),
        needs_data=has_own_files(dataset),
        software=software(content),
        resumptions=resumptions(content),
        network=network(content.spec) if content.spec else (),
        recipe=recipe_toml(content.spec) if content.spec else "",
        version=deepchord_version(),
        written_at=datetime.now(UTC),
    )


def _table(content: MultilabelContent) -> MemberTable:
    rows = member_rows(content)
    shown = tuple(column for column in columns(content) if column.field not in _LEFT_OUT)
    return table_of_members(shown, rows, total_rows(content, rows.values()))
