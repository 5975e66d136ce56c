import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from deepchord.coordinator.report import ReportContent, summary_table
from deepchord.coordinator.report.findings import abstention_line, calibration_gain, certainty

MakeContent = Callable[..., ReportContent]


def rendered(content: ReportContent, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(summary_table(content, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_table_fits_eighty_columns_and_ends_with_the_ensemble(make_content: MakeContent) -> None:
    content = make_content(members=3)
    text = rendered(content)

    assert "…" not in text
    assert f"{content.evaluation.members[2].test.loss:.5f}" in text
    assert f"{100 * content.evaluation.test.accuracy:.2f}\u00a0%" in text
    assert "points over the average member" in text
    assert "Trained on host-0, tensorflow, cpu:0" in text
    assert "at most 3.0e-07" in text


def test_different_hosts_are_letters_where_narrow_and_columns_where_wide(make_content: MakeContent) -> None:
    content = make_content(members=3, hosts=2)

    assert "b: host-1, torch, cpu:1" in rendered(content, 80)
    assert "…" not in rendered(content, 80)
    wide = rendered(content, 140)
    assert "b: host-1" not in wide
    assert "Device" in wide


def test_failed_member_is_named_with_its_last_error(make_content: MakeContent) -> None:
    text = rendered(make_content(failed=(1,), error="[red]NaN[/red]"))

    assert "failed" in text
    assert "Member 1 failed in attempt 3, on host-0 (tensorflow, cpu:0): [red]NaN[/red]" in " ".join(text.split())


def test_bare_weight_files_are_called_by_their_names(make_content: MakeContent) -> None:
    text = rendered(make_content(records=False))

    assert "best_weights_0.hdf5" in text
    assert "Epoch" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
@pytest.mark.parametrize("hosts", [1, 3])
def test_a_narrow_terminal_leaves_columns_out_and_says_so_but_cuts_no_value(
    make_content: MakeContent, width: int, hosts: int
) -> None:
    content = make_content(members=4, failed=(3,), hosts=hosts)
    text = rendered(content, width)
    headings = text.partition("\n──")[0].splitlines()

    assert "…" not in text
    assert all(cell_len(line.rstrip()) <= width for line in text.splitlines())
    assert f"{content.evaluation.members[2].test.loss:.5f}" in text
    assert f"{content.evaluation.members[2].test.accuracy:.4f}" in text
    left_out = re.search(r"(\d+)\s+more\s+columns?\s+in\s+summary\.csv", text)
    # Of one place host, engine and device are told below the table, of several they are one column of letters.
    assert len(headings[-1].split()) + int(left_out[1] if left_out else 0) == (13 if hosts == 1 else 14)
    assert bool(left_out) == (width < 120)
    assert ("Highest, lowest: of any epoch" in text) == ("Lowest" in " ".join(headings))
    assert "weights were tested" in " ".join(text.split())


def test_the_loss_and_how_sure_the_accuracy_is_stand_below_the_table(make_content: MakeContent) -> None:
    content = make_content(members=4, test_size=60)
    text = rendered(content, 120)

    assert certainty(content) in text
    assert f"Test loss {content.evaluation.test.loss:.5f}, {content.mean_member_loss:.5f} for the average" in text
    assert "points over" not in rendered(make_content(members=1))


@pytest.mark.parametrize("measured", ["calibration_images", "out_of_bag", "uncalibrated"])
def test_calibration_and_abstention_have_a_line_each_below_the_loss(make_content: MakeContent, measured: str) -> None:
    content = make_content(measured=measured)
    lines = rendered(content, 200).splitlines()
    (loss,) = [place for place, line in enumerate(lines) if line.startswith("Test loss")]

    assert [line.rstrip() for line in lines[loss + 1 : loss + 3]] == [
        calibration_gain(content),
        abstention_line(content),
    ]
    alone = make_content(measured=measured, members=1)
    assert calibration_gain(alone) in rendered(alone, 200)


@pytest.mark.parametrize(("width", "left_out"), [(200, 0), (140, 0), (122, 1), (112, 2), (100, 3)])
def test_a_narrow_terminal_leaves_out_the_scores_of_probabilities_first(
    make_content: MakeContent, width: int, left_out: int
) -> None:
    text = rendered(make_content(measured="out_of_bag"), width)
    headings = " ".join(text.partition("\n──")[0].split())

    assert ("Brier" in headings) == (left_out < 2)
    assert ("Calibration" in headings) == (left_out < 1)
    assert headings.count("Lowest") == (2 if left_out < 3 else 1)
    assert "nan" not in text
    assert all(cell_len(line.rstrip()) <= width for line in text.splitlines())


def test_long_names_of_weight_files_still_differ_in_a_narrow_terminal(make_content: MakeContent) -> None:
    content = make_content(records=False)
    names = {index: f"a/folder/with/a/rather/long/name/run_{index}/best_weights.hdf5" for index in range(3)}
    lines = rendered(replace(content, member_names=names), 40).splitlines()

    shown = [line.split("  ")[0] for line in lines if "…" in line]
    assert len(shown) == len(set(shown)) == 3
    assert all(cell_len(line) <= 40 for line in lines)
    assert all(f"{member.test.loss:.5f}" in "".join(lines) for member in content.evaluation.members)
