from collections.abc import Callable
from pathlib import Path

import pytest

from deepchord.coordinator.report import ReportContent, export, write_report
from deepchord.shared.errors import StorageError

MakeContent = Callable[..., ReportContent]

FIGURES = ["confusion_matrix", "mean_images", "misclassified", "samples", "training_curves"]
#: Those of an evaluation that measured its uncertainty.
TRUST = ["entropies", "members", "reliability", "risk_coverage"]


def figures(folder: Path) -> set[str]:
    """Return the names of the figures in a folder, each of which is there as PNG and as SVG."""
    paths = list((folder / "figures").iterdir())
    begin = {".png": b"\x89PNG", ".svg": b"<?xml"}
    assert all(path.read_bytes().startswith(begin[path.suffix]) for path in paths)
    names = {path.stem for path in paths}
    assert sorted(path.name for path in paths) == sorted(f"{name}.{kind}" for name in names for kind in ("png", "svg"))
    return names


def test_folder_holds_page_tables_recipe_and_figures(make_content: MakeContent, tmp_path: Path) -> None:
    page = write_report(make_content(), tmp_path / "new" / "report")

    assert page == tmp_path / "new" / "report" / "index.html"
    files = {path.name for path in page.parent.iterdir()}
    assert files == {"index.html", "summary.csv", "summary.json", "recipe.toml", "figures"}
    assert figures(page.parent) == set(FIGURES)


@pytest.mark.parametrize("measured", ["calibration_images", "out_of_bag", "uncalibrated"])
def test_a_measured_uncertainty_has_figures_of_its_own(
    make_content: MakeContent, tmp_path: Path, measured: str
) -> None:
    write_report(make_content(measured=measured), tmp_path)

    assert figures(tmp_path) == {*FIGURES, *TRUST}


def test_a_study_has_a_figure_of_the_shifts(make_content: MakeContent, tmp_path: Path) -> None:
    write_report(make_content(measured="out_of_bag", studied=True), tmp_path)

    assert figures(tmp_path) == {*FIGURES, *TRUST, "shifts"}


def test_bare_weight_files_have_neither_recipe_nor_curves(make_content: MakeContent, tmp_path: Path) -> None:
    write_report(make_content(records=False, accuracy=1.0), tmp_path)

    assert not (tmp_path / "recipe.toml").exists()
    assert figures(tmp_path) == {"confusion_matrix", "mean_images", "samples"}


def test_written_again_it_replaces_itself_and_leaves_other_files(make_content: MakeContent, tmp_path: Path) -> None:
    (tmp_path / "best_weights_0.hdf5").write_text("weights")
    write_report(make_content(title="first"), tmp_path)
    page = write_report(make_content(title="second"), tmp_path)

    assert "second" in page.read_text(encoding="utf-8")
    assert (tmp_path / "best_weights_0.hdf5").read_text() == "weights"


def test_an_error_leaves_nothing_half_written(
    make_content: MakeContent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_content: ReportContent) -> str:
        raise RuntimeError("The template is broken.")

    monkeypatch.setattr(export, "render_page", fail)

    with pytest.raises(RuntimeError, match="broken"):
        write_report(make_content(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(make_content: MakeContent, tmp_path: Path) -> None:
    in_the_way = tmp_path / "report"
    in_the_way.write_text("a file")

    with pytest.raises(StorageError, match=r"cannot be written to .*report"):
        write_report(make_content(), in_the_way)


@pytest.mark.parametrize(
    "kind",
    [
        {"shape": (8, 8, 1), "float_images": True},
        {"shape": (64, 48, 3), "classes": 2},
        {"classes": 30, "test_size": 90},
        {"members": 1, "epochs": 1},
        {"class_names": ("$x_1$", "$", "a_b^", "日本語")},
    ],
)
@pytest.mark.parametrize("measured", [None, "out_of_bag"])
def test_figures_of_any_shape_are_drawn_without_a_warning(
    make_content: MakeContent, tmp_path: Path, kind: dict[str, object], measured: str | None
) -> None:
    write_report(make_content(measured=measured, **kind), tmp_path)

    assert figures(tmp_path) - set(TRUST) == set(FIGURES)
