import pytest

from deepchord.coordinator.report.regression.figures import write_figures

NAMES = {"training_curves", "predictions", "intervals", "residuals", "quantiles", "members"}
OPTIONS = {
    "usual": {},
    "several": {"targets": ("a $x$ " + "long " * 30, "b"), "test_rows": 410},
    "images": {"held_out": False, "of_images": True, "studied": True},
}


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_all_figures_are_written_as_png_and_svg(make_numbers, tmp_path, options):
    write_figures(make_numbers(**options), tmp_path)

    names = NAMES | {"shifts"} if "studied" in options else NAMES
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}


def test_a_single_member_has_no_curve_of_members(make_numbers, tmp_path):
    write_figures(make_numbers(members=1), tmp_path)

    assert {path.stem for path in tmp_path.iterdir()} == NAMES - {"members"}
