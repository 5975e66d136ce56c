"""What stands below a table of members in the terminal, whatever they predict."""

from collections.abc import Sequence

from rich.text import Text

from deepchord.coordinator.report.content import EnsembleContent, failure_of


def caption(
    content: EnsembleContent, said: Sequence[Text], doubts: Sequence[str], notes: Sequence[str], output: str
) -> Text:
    """Return the lines: what is said of the ensemble, warnings, notes, and which members failed.

    Args:
        content: What is reported.
        said: The lines about the ensemble.
        doubts: What makes the result doubtful.
        notes: What has to be known of the table.
        output: What members and evaluator may differ in, such as `probability`.
    """
    lines = [
        *said,
        *(Text(f"warning: {content.worded(doubt)}", style="yellow") for doubt in doubts),
        *(Text(note, style="dim") for note in notes),
    ]
    if content.largest_parity is not None:
        differ = f"differ by at most {content.largest_parity:.1e}" if content.largest_parity else "do not differ"
        lines.append(Text(f"Members and evaluator {differ} in any {output}", style="dim"))
    for index, member in content.failed.items():
        lines.append(Text(f"Member {content.name(index)} {failure_of(member)}: {member.error}", style="red"))
    return Text("\n").join(lines)
