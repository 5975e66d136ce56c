"""The report of labels, of real runs that were trained and evaluated in NumPy: terminal, files, figures, page."""

import csv
import io
import json
import re

import numpy as np
import pytest
from rich.console import Console

from deepchord.coordinator.report import MultilabelContent, collect_run, summary, summary_table
from deepchord.coordinator.report.multilabel.findings import doubts, label_lines
from deepchord.coordinator.report.multilabel.page import render_page
from deepchord.coordinator.runs import plan_request
from deepchord.shared.datasets import Dataset, dataset_of_table
from deepchord.shared.datasets.dataset import dataset_from_arrays
from deepchord.shared.messages import MultilabelEvaluation
from deepchord.shared.settings import load_settings
from deepchord.shared.storage import RunStore
from deepchord.shared.tables import table_of_frame
from tests.ensemble.conftest import FLOWERS, RUN, make_run, meadows

pytestmark = pytest.mark.slow


def collected(storage, folder):
    settings = load_settings(storage=str(storage), cache=folder / "cache")
    store = RunStore.open(settings)
    return *collect_run(settings, store, store.run(RUN), folder / "results"), store


def said(page: str) -> str:
    body = page.partition("<body")[2].partition("<script>")[0]
    return re.sub(r"<[^>]*>", "", body).replace("\n", " ").replace("\u00a0", " ")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    data = dataset_of_table(
        table_of_frame(meadows(800, 1)), name="meadows", target=",".join(FLOWERS), task="multilabel"
    )
    make_run(folder / "storage", data=data)
    content, files, store = collected(folder / "storage", folder)
    assert isinstance(content, MultilabelContent)
    return content, files, store, folder / "results"


def test_the_files_tell_all_and_the_recipe_trains_the_same_again(report):
    content, files, store, folder = report
    evaluation = content.evaluation

    names = {path.name for path in files}
    assert {"index.html", "summary.csv", "summary.json", "recipe.toml", "run.json", "probabilities.npz"} <= names
    assert {"training_curves.png", "reliability.svg", "labels.png", "members.png", "best_weights_0.hdf5"} <= names
    assert MultilabelEvaluation.decode((folder / "evaluation.json").read_bytes(), "it") == evaluation
    told = json.loads((folder / "summary.json").read_text())
    assert told["task"] == "multilabel"
    assert [each["name"] for each in told["ensemble"]["labels"]] == list(FLOWERS)
    assert told["ensemble"]["labels"][1]["f1"] == pytest.approx(evaluation.labels[1].f1, abs=1e-6)
    assert told["ensemble"]["test"]["exact_match"]["value"] == pytest.approx(
        evaluation.test.exact_match.value, abs=1e-6
    )
    rows = list(csv.DictReader(io.StringIO((folder / "summary.csv").read_text())))
    assert [row["Member"] for row in rows] == ["0", "1", "2", "Average", "Ensemble", "Ensemble, calibrated"]
    assert float(rows[4]["Test Hamming Loss"]) == pytest.approx(evaluation.test.hamming_loss.value, abs=1e-6)
    planned = plan_request(folder / "recipe.toml", {}, table_rows=100, task="multilabel")
    assert (planned.task, planned.target) == ("multilabel", ",".join(FLOWERS))
    line = summary(store.run(RUN), store)
    assert (line["ensemble_test_accuracy"], line["ensemble_test_error"]) == (None, None)
    assert line["ensemble_test_hamming_loss"] == evaluation.test.hamming_loss.value


def test_the_terminal_has_a_table_of_members_and_one_of_labels(report):
    content, *_ = report
    console = Console(width=110, file=io.StringIO(), color_system=None)

    console.print(summary_table(content, 110))

    text = console.file.getvalue().replace("\u00a0", " ")
    for part in ("Average", "Ensemble, calibrated", *FLOWERS, "exact match", "Wrong labels (Hamming loss)"):
        assert part in text
    assert "logits of the mean probabilities are divided by the temperature" in " ".join(text.split())
    assert "Members and evaluator" in text


def test_the_page_has_a_table_of_labels_a_reliability_diagram_and_speaks_of_rows(report):
    content, *_ = report
    page = render_page(content)

    text = said(page)
    assert not re.search(r"\bimages?\b", text)
    assert "Labels that apply, by their probability" in text
    assert "All labels were right for" in text
    for line in label_lines(content):
        assert f"{line.area_under_roc:.4f}" in text
    assert page.count('<li>\n<div class="mistake-top of-rows">') == 24
    assert 'task = "multilabel"' in text.replace("&#34;", '"')


def pictures(hidden: int) -> Dataset:
    """Images of 4x4 pixels with a bright left half, right half, both, or none; and a label that no test image has."""
    generator = np.random.default_rng(3)
    flags = generator.integers(0, 2, (640, 3))
    images = generator.integers(0, 150, (640, 4, 4))
    for place, columns in enumerate((slice(0, 2), slice(2, 4))):
        images[flags[:, place] == 1, :, columns] += 90
    flags[-40:, 2] = hidden
    arrays = {"x_train": images[:600], "y_train": flags[:600], "x_test": images[600:], "y_test": flags[600:]}
    names = {"label_names": np.array(["<b>left", "right", "noise"])}
    return dataset_from_arrays(
        {name: np.asarray(each) for name, each in (arrays | names).items()}, name="halves", source="it"
    )


def test_images_are_shown_and_labels_that_cannot_be_learnt_or_tested_are_told(tmp_path):
    make_run(tmp_path / "storage", data=pictures(hidden=0))
    content, _, _ = collected(tmp_path / "storage", tmp_path)
    page = render_page(content)

    assert page.count('<img class="picture" src="data:image/png;base64,') == 24
    assert "<b>left" not in page
    assert "of the test images have all" in said(page)
    assert any(
        doubt.startswith("Label \u2068noise\u2069 is not tested") or "noise" in doubt for doubt in doubts(content)
    )
    assert label_lines(content)[2].f1 is None
    assert label_lines(content)[0].area_under_roc > 0.6
