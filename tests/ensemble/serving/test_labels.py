"""A server of an ensemble that predicts which labels apply."""

import json

import numpy as np
import pytest

from tests.ensemble.conftest import FLOWERS, RUN, meadows
from tests.ensemble.serving.conftest import serving

ROWS = meadows(5, 3)[["height", "wet"]].fillna(0.0)


@pytest.mark.slow
def test_rows_get_their_labels_and_what_is_about_others_is_refused(label_storage, botanist):
    expected = botanist.predict(ROWS, members=True)
    body = json.dumps({"rows": ROWS.to_dict(orient="records")})

    with serving(str(label_storage / "runs" / RUN)) as server:

        def ask(query: str):
            return server.request("POST", f"/predict?{query}", body, content_type="application/json")[:2]

        status, answer = ask("members=true")
        refused = [ask("level=90%25"), ask("sets=90%25")]
        _, listed, _ = server.request("GET", "/models")
        _, described, _ = server.request("GET", "/openapi.json")

    assert status == 200
    assert answer["label_names"] == list(FLOWERS)
    assert [tuple(each["labels"]) for each in answer["predictions"]] == list(expected.names())
    for name in ("probabilities", "predictive_entropy", "expected_entropy", "mutual_information"):
        told = [each[name] for each in answer["predictions"]]
        np.testing.assert_allclose(told, getattr(expected, name), rtol=1e-6)
    members = [each["members"] for each in answer["predictions"]]
    np.testing.assert_allclose(np.transpose(members, (1, 0, 2)), expected.members, rtol=1e-6)
    assert [status for status, _ in refused] == [400, 400]
    assert refused[0][1]["error"] == "level is for the intervals of numbers, and this ensemble predicts labels."
    (model,) = listed["models"]
    assert model["label_names"] == list(FLOWERS)
    assert model["test_scores"]["exact_match"]["value"] > 0.3
    schema = described["components"]["schemas"]["LabelPrediction"]["properties"]
    assert answer["predictions"][0].keys() <= schema.keys()
