"""Warns of findings in the log, a line each."""

import logging
from collections.abc import Iterable

from deepchord.shared.messages import DatasetFinding

logger = logging.getLogger(__name__)


def warn_of(findings: Iterable[DatasetFinding], name: str) -> None:
    """Log the warnings among findings; notes are left to whoever shows the data set.

    Args:
        findings: What was found.
        name: The name of the data set.
    """
    for finding in findings:
        if finding.level == "warning":
            logger.warning("%s: %s", name, finding.text, extra={"action": f"dataset_{finding.kind}"})
