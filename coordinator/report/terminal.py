"""The summary table as the terminal shows it."""

from rich import box
from rich.table import Table
from rich.text import Text

from coordinator.report.content import ReportContent
from coordinator.report.formats import percent, points
from coordinator.report.tables import Column, SummaryRow, columns, summary_rows

_TEXT_COLUMNS = ("host", "engine", "device")


def summary_table(content: ReportContent) -> Table:
    """Return the table with the ensemble's result below it.

    Host, engine and device stand in columns where members differ, else once below the table.
    """
    rows = summary_rows(content)
    alike = _alike(rows)
    shown = [column for column in columns(content) if column.field not in alike]
    table = Table(
        title=Text(content.title),
        caption=_caption(content, alike),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption_justify="left",
        title_justify="left",
    )
    for column in shown:
        is_text = column.field in ("member", *_TEXT_COLUMNS)
        header = column.label if column.field == "member" else column.label.replace(" ", "\n")
        table.add_column(
            header, justify="left" if is_text else "right", no_wrap=not is_text, overflow="fold", vertical="top"
        )
    for row in rows:
        if row.status == "average":
            table.add_section()
        table.add_row(*(_cell(column, row) for column in shown), style=_style(row))
    return table


def _alike(rows: tuple[SummaryRow, ...]) -> dict[str, str]:
    """Return host, engine and device where all members have the same."""
    found = {field: {getattr(row, field) for row in rows if row.status != "average"} for field in _TEXT_COLUMNS}
    return {field: values.pop() for field, values in found.items() if len(values) == 1 and None not in values}


def _cell(column: Column, row: SummaryRow) -> Text:
    if row.status == "failed" and column.field == "epoch":
        return Text("failed")
    return Text(column.text(row))


def _style(row: SummaryRow) -> str:
    return {"failed": "red", "average": "bold"}.get(row.status, "")


def _caption(content: ReportContent, alike: dict[str, str]) -> Text:
    evaluation = content.evaluation
    lines = [
        Text.assemble(
            f"Ensemble of {evaluation.trained} (of {evaluation.requested} requested): test accuracy ",
            (percent(evaluation.test.accuracy), "bold"),
            f", train accuracy {percent(evaluation.train.accuracy)}",
        ),
        Text(
            f"{points(content.gain_over_average)} points over the average member, "
            f"{points(content.gain_over_best)} over the best"
        ),
    ]
    if alike:
        lines.append(Text(", ".join(f"{field} {value}" for field, value in alike.items())))
    if content.largest_parity is not None:
        lines.append(Text(f"Members and evaluator agree to {content.largest_parity:.1e} in every probability"))
    for index, member in content.failed.items():
        lines.append(
            Text(
                f"Member {content.name(index)} failed after attempt {member.attempt} on {member.trainer.host}: "
                f"{member.error}",
                style="red",
            )
        )
    return Text("\n").join(lines)
