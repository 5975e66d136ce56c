import io
import json

import numpy as np
import onnx
import pytest

from deepchord.ensemble.graph import GraphOptions, open_session
from deepchord.ensemble.graph import model as graph_model
from deepchord.ensemble.graph.model import write_graph
from deepchord.ensemble.sources import EnsembleMembers
from deepchord.shared.errors import InputError


def written(members: EnsembleMembers, **options: object) -> bytes:
    file = io.BytesIO()
    chosen = GraphOptions(**{"input_type": "uint8", **options})
    write_graph(file, members.description, members.all_weights(), chosen, {"note": json.dumps(["ü"])})
    return file.getvalue()


def test_a_written_graph_is_a_valid_model_with_its_signature_and_metadata(members):
    model = onnx.load_from_string(written(members, confidence_threshold=0.5))

    onnx.checker.check_model(model, full_check=True)
    assert [each.name for each in model.graph.input] == ["images"]
    assert [each.name for each in model.graph.output][-1] == "abstains"
    assert {each.key: each.value for each in model.metadata_props} == {"note": '["\\u00fc"]'}
    assert model.producer_name == "deepchord"


def test_members_are_asked_for_their_weights_one_after_the_other(members, monkeypatch):
    events = []
    add = graph_model.add_network

    def noted_add(*arguments: object) -> str:
        events.append("written")
        return add(*arguments)

    def weights():
        for each in members.all_weights():
            events.append("read")
            yield each

    monkeypatch.setattr(graph_model, "add_network", noted_add)

    write_graph(io.BytesIO(), members.description, weights(), GraphOptions(input_type="uint8"), {})

    assert events == ["read", "written"] * 3


@pytest.mark.parametrize("length", [0, 1, 127, 128, 300, 2**31 - 1])
def test_lengths_are_written_as_protobuf_reads_them(length):
    encoded = graph_model._as_varint(length)

    read = sum((byte & 127) << 7 * place for place, byte in enumerate(encoded))
    assert read == length
    assert [byte >> 7 for byte in encoded] == [1] * (len(encoded) - 1) + [0]


def test_a_graph_that_no_file_can_hold_is_refused_with_what_to_do(members, monkeypatch):
    monkeypatch.setattr(graph_model, "LARGEST_BYTES", 1000)

    with pytest.raises(InputError, match=r"3 members is larger than .* --format members has no limit"):
        written(members)


def test_whole_numbers_are_divided_inside_and_floats_taken_as_they_are(members):
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1), dtype=np.uint8)
    whole, floats = (open_session(written(members, input_type=kind), kind) for kind in ("uint8", "float32"))

    (of_whole,) = whole.run(["probabilities"], {"images": images})
    (of_floats,) = floats.run(["probabilities"], {"images": images / np.float32(255)})

    np.testing.assert_allclose(of_whole, of_floats, atol=1e-6)


def test_what_is_no_model_is_refused_with_its_name():
    with pytest.raises(InputError, match=r"thing\.onnx is no model that ONNX Runtime"):
        open_session(b"no model", "thing.onnx")
