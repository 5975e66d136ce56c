"""Paragraphs of the pages: none stands twice, and each decision begins one."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.docs.documents import PAGES, ROOT

#: Shorter ones, a command for example, may well occur again.
_SHORTEST = 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_paragraph_stands_twice(page: Path):
    times = Counter(part for part in re.split(r"\n\s*\n", page.read_text()) if len(part) >= _SHORTEST)

    assert [part for part, count in times.items() if count > 1] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.name)
def test_each_decision_is_a_paragraph_of_its_own(page: Path):
    lines = page.read_text().splitlines()

    assert [
        line for before, line in zip(["", *lines], lines, strict=False) if re.match(r"\*\*[A-Z].*\*\*", line) and before
    ] == []
