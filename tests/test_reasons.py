"""Each exception from a rule of ruff or mypy says beside it why it is one."""

import re

import pytest

from tests.environments import ROOT

_FOLDERS = ("shared", "worker", "coordinator", "ensemble", "deepchord", "tests", "benchmarks", "docs/site")
#: An exception, and what follows it in its line.
_EXCEPTION = re.compile(r"# (?:noqa: [A-Z]+\d+(?:, [A-Z]+\d+)*|type: ignore\[[a-z-]+\])(.*)$")


@pytest.mark.parametrize("folder", _FOLDERS)
def test_each_exception_from_a_rule_has_its_reason(folder: str):
    without = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if not has_reasons(line)
    ]

    assert without == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("value = 1", True),
        ("import onnx  # noqa: F401 - only whether it is there", True),
        ("import onnx  # noqa: F401", False),
        ("assert a and b  # noqa: S101, PT018", False),
        ("assert a and b  # noqa: S101, PT018  both are pipes", True),
        ("fcntl = None  # type: ignore[assignment]", False),
        ("fcntl = None  # type: ignore[assignment]  # Windows has none", True),
    ],
)
def test_what_counts_as_a_reason(line: str, expected: bool):
    assert has_reasons(line) is expected


def has_reasons(line: str) -> bool:
    """Return whether a line has no exception, or one with words behind it."""
    found = _EXCEPTION.search(line)
    return found is None or re.search(r"[A-Za-z]{2}", found[1]) is not None
