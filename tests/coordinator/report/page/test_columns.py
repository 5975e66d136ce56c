"""The report of a run on a table: rows where there are images otherwise, and its columns."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepchord.coordinator.report import ReportContent, summary_table
from deepchord.coordinator.report.figures import write_figures
from deepchord.coordinator.report.page import render_page
from deepchord.shared.datasets import LabelledRows, RowsDescription, all_findings, labelled_dataset
from deepchord.shared.messages import StratifiedSplit
from deepchord.shared.network import default_architecture
from deepchord.shared.tables import in_rows, table_of_objects
from tests.coordinator.report.page.test_page import Parsed

MakeContent = Callable[..., ReportContent]


def of_table(content: ReportContent) -> ReportContent:
    """Return the same results on rows of a table, with hostile names."""
    generator = np.random.default_rng(0)

    def rows(labels: np.ndarray) -> LabelledRows:
        objects = [
            {"<b>size": float(label + generator.normal()), "colour": "ab"[int(label) % 2], "same": 1}
            for label in labels
        ]
        return LabelledRows(rows=table_of_objects(objects, "rows"), labels=labels)

    images = content.dataset
    described = RowsDescription(name="made-up.csv", source="rows", targets=("kind",), class_names=images.class_names)
    split = StratifiedSplit(share=0.2, seed=0)
    dataset = labelled_dataset(rows(images.y_train), rows(images.y_test), described, split=split)
    dataset = replace(dataset, findings=all_findings(dataset))
    spec = content.spec
    assert spec is not None
    network = default_architecture("tabular")
    info = spec.dataset.model_copy(update={"table": dataset.table, "input_shape": (3,)})
    return replace(content, dataset=dataset, spec=spec.model_copy(update={"dataset": info, "architecture": network}))


@pytest.fixture
def content(make_content: MakeContent) -> ReportContent:
    return of_table(make_content(measured="calibration_images"))


def test_the_page_shows_rows_and_columns(content: ReportContent) -> None:
    page = render_page(content)

    text = re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(?<!data:)\bimages?\b", text)
    assert "about 20% of each class, with the seed 0." in text
    assert "Left out: same (the same in all rows)." in text
    assert text.count("the same in all rows") == 1
    assert "&lt;b&gt;size" in text
    assert "<b>size" not in text
    assert not [value for tag, name, value in Parsed(page).attributes if (tag, name) == ("img", "src")]
    assert 'target = "kind"' in text.replace("&#34;", '"')


def test_there_are_no_figures_of_images(content: ReportContent, tmp_path: Path) -> None:
    write_figures(content, tmp_path)

    names = {path.stem for path in tmp_path.iterdir()}
    assert {"confusion_matrix", "training_curves"} <= names
    assert not {"samples", "mean_images", "misclassified"} & names


def test_the_terminal_speaks_of_rows(content: ReportContent) -> None:
    lines = [str(part) for part in summary_table(content, 100).renderables]

    assert "test rows right" in lines[-1].replace("\u00a0", " ")
    assert "image" not in lines[-1]


@pytest.mark.parametrize(
    ("of_images", "of_rows"),
    [
        ("Images and an image, 3 images.", "Rows and a row, 3 rows."),
        ('figures/mean_images.png, <img src="data:image/png">', 'figures/mean_images.png, <img src="data:image/png">'),
        ("Column 'image', left out; an image", "Column 'image', left out; a row"),
        ("x.images, test_images, image-rendering, images=", "x.images, test_images, image-rendering, images="),
    ],
)
def test_only_the_word_is_replaced(of_images: str, of_rows: str) -> None:
    assert in_rows(of_images) == of_rows
