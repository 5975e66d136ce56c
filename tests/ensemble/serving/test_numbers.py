"""A server of an ensemble that predicts numbers."""

import json
from collections.abc import Iterator

import numpy as np
import pytest

from tests.ensemble.conftest import RUN, houses
from tests.ensemble.serving.conftest import Served, serving

ROWS = houses(5, 3)[["area", "rooms"]].fillna(100.0)


@pytest.fixture(scope="module")
def valuing(number_storage) -> Iterator[Served]:
    with serving(str(number_storage / "runs" / RUN)) as server:
        yield server


def ask(server: Served, query: str = ""):
    body = json.dumps({"rows": ROWS.to_dict(orient="records")})
    return server.request("POST", f"/predict{query}", body, content_type="application/json")


@pytest.mark.slow
def test_rows_get_their_numbers_with_intervals(valuing, valuer):
    expected = valuer.predict(ROWS, members=True)

    status, answer, _ = ask(valuing, "?level=80%25&members=true")

    assert status == 200
    assert (answer["target_names"], answer["level"], answer["interval_method"]) == (
        ["price", "built"],
        0.8,
        "conformal",
    )
    lower, upper = expected.intervals(0.8)
    for name, values in {
        "mean": expected.mean,
        "standard_deviation": expected.standard_deviation,
        "aleatoric_standard_deviation": expected.aleatoric_standard_deviation,
        "epistemic_standard_deviation": expected.epistemic_standard_deviation,
        "lower": lower,
        "upper": upper,
    }.items():
        np.testing.assert_allclose([each[name] for each in answer["predictions"]], values)
    members = [each["members"] for each in answer["predictions"]]
    np.testing.assert_allclose(np.transpose(members, (1, 0, 2)), expected.members)
    assert ask(valuing)[1]["level"] == 0.9


@pytest.mark.slow
def test_it_says_what_it_predicts_and_describes_its_answers(valuing):
    _, listed, _ = valuing.request("GET", "/models")
    _, description, _ = valuing.request("GET", "/openapi.json")
    _, answer, _ = ask(valuing, "?members=true")

    (model,) = listed["models"]
    assert model["target_names"] == ["price", "built"]
    assert len(model["test_scores"]) == 2
    assert model["levels"] == [0.5, 0.8, 0.9, 0.95]
    assert "class_names" not in model
    schemas = description["components"]["schemas"]
    assert set(answer) | {"warnings"} == set(schemas["NumberAnswer"]["properties"])
    assert set(answer["predictions"][0]) | {"image"} == set(schemas["NumberPrediction"]["properties"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?sets=90%25", "abstaining and sets are for classes, and numbers have intervals"),
        ("?abstain=1%25", "abstaining and sets are for classes"),
        ("?level=2", "level is '2'; expected a share"),
    ],
)
def test_what_is_for_classes_is_refused_with_a_sentence(valuing, query, sentence):
    status, answer, _ = ask(valuing, query)

    assert status == 400
    assert sentence in answer["error"]
