"""One self-contained HTML page about predicted numbers: all values that the templates show, filled in."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deepchord.coordinator.report.findings import (
    CurvePanel,
    DetectionRow,
    LayerLine,
    curve_panels,
    data_notes,
    deepchord_version,
    detection_rows,
    has_dark_ground,
    has_own_files,
    network,
    recipe_toml,
    resumptions,
    software,
)
from deepchord.coordinator.report.page import TEMPLATES, new_environment
from deepchord.coordinator.report.page.charts import Chart
from deepchord.coordinator.report.page.columns import ColumnLine
from deepchord.coordinator.report.page.facts import Fact
from deepchord.coordinator.report.page.member_table import MemberTable, table_of_members
from deepchord.coordinator.report.page.strip import MemberStrip
from deepchord.coordinator.report.regression.content import RegressionContent
from deepchord.coordinator.report.regression.findings import (
    MEASURES,
    CoverageTable,
    KeptNumbers,
    NumberShiftRow,
    Spread,
    conclusion,
    coverage_tables,
    doubts,
    error_gain_sentence,
    error_gains,
    fall_words,
    guarantee,
    in_deviations,
    in_unit,
    kept_rows,
    kept_sentence,
    loss_gain_sentence,
    scaling_source,
    score_text,
    shift_rows,
    shift_sentence,
    shown_of_all,
    size_sentence,
    spread_sentence,
    spreads,
    unseen_sentence,
)
from deepchord.coordinator.report.regression.page.cards import RowCard, error_cards, uncertain_cards
from deepchord.coordinator.report.regression.page.charts import (
    MAX_TARGETS,
    TargetCharts,
    quantile_charts,
    shift_charts,
    size_charts,
    target_charts,
)
from deepchord.coordinator.report.regression.page.columns import THIRDS, column_lines
from deepchord.coordinator.report.regression.page.headline import (
    Headline,
    TargetLine,
    facts,
    headline,
    member_strip,
    target_lines,
)
from deepchord.coordinator.report.regression.tables import columns, member_rows, total_rows
from deepchord.shared.command_line import printable

_TEMPLATES = Path(__file__).parent / "templates"
#: These columns would make the table wider than a page; `summary.csv` has them.
_LEFT_OUT = ("kept_train_loss", "kept_train_error")


@dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """All that the template shows."""

    headline: Headline
    #: Of several numbers one line each.
    lines: tuple[TargetLine, ...]
    facts: tuple[Fact, ...]
    doubts: tuple[str, ...]
    strip: MemberStrip
    #: The table of members for each of the first numbers, by its name.
    tables: tuple[tuple[str, MemberTable], ...]
    panels: tuple[CurvePanel, ...]
    targets: tuple[TargetCharts, ...]
    quantiles: tuple[Chart, ...]
    sizes: tuple[Chart, ...]
    coverage: tuple[CoverageTable, ...]
    spreads: tuple[Spread, ...]
    #: What a distilled run keeps of its teacher, a row each; empty: it is none.
    kept: tuple[KeptNumbers, ...]
    #: Of a study: how well unseen images are told from test images, and what becomes of shifted ones.
    detection: tuple[DetectionRow, ...]
    shifts: tuple[Chart, ...]
    shift_rows: tuple[NumberShiftRow, ...]
    uncertain: tuple[RowCard, ...]
    errors: tuple[RowCard, ...]
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


def render_page(content: RegressionContent) -> str:
    """Return the page as HTML; it needs no network and no other file."""
    sentences = (conclusion, guarantee, scaling_source, size_sentence, spread_sentence)
    of_studies = (unseen_sentence, shift_sentence, kept_sentence)
    gains = (error_gain_sentence, loss_gain_sentence)
    environment = new_environment(content, (*sentences, *of_studies, *gains), (_TEMPLATES, TEMPLATES))
    used_as_they_are = (fall_words, in_deviations, in_unit, score_text, error_gains, shown_of_all)
    environment.filters |= {used.__name__: used for used in used_as_they_are}
    environment.globals |= {"thirds": THIRDS, "max_targets": MAX_TARGETS}
    return printable(environment.get_template("numbers.html").render(page=_page(content), content=content))


def _page(content: RegressionContent) -> Page:
    dataset = content.dataset
    return Page(
        headline=headline(content),
        lines=target_lines(content),
        facts=facts(content),
        doubts=tuple(map(content.worded, doubts(content))),
        strip=member_strip(content),
        tables=_tables(content),
        panels=curve_panels(content, MEASURES),
        targets=target_charts(content),
        quantiles=quantile_charts(content),
        sizes=size_charts(content),
        coverage=coverage_tables(content)[:MAX_TARGETS],
        spreads=spreads(content)[:MAX_TARGETS],
        kept=kept_rows(content),
        detection=detection_rows(content),
        shifts=shift_charts(content),
        shift_rows=shift_rows(content),
        uncertain=uncertain_cards(content),
        errors=error_cards(content),
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


def _tables(content: RegressionContent) -> tuple[tuple[str, MemberTable], ...]:
    tables = []
    for place, target in enumerate(content.targets[:MAX_TARGETS]):
        rows = member_rows(content, place)
        shown = tuple(
            column
            for column in columns(content, target)
            if column.field not in _LEFT_OUT and (place == 0 or column.group in ("member", "test"))
        )
        tables.append((target.name, table_of_members(shown, rows, total_rows(content, place, rows.values()))))
    return tuple(tables)
