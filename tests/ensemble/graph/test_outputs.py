import hypothesis
import numpy as np
import onnx
from hypothesis import strategies as st
from onnx import TensorProto, helper

from deepchord.ensemble.graph import MEMBER_PROBABILITIES, OUTPUTS, open_session
from deepchord.ensemble.graph.builder import GraphPart
from deepchord.ensemble.graph.outputs import add_outputs
from deepchord.shared.messages import Calibration
from deepchord.shared.uncertainty import RunningUncertainty, calibrator_of


@st.composite
def confidence_maps(draw: st.DrawFn) -> tuple[tuple[float, float], ...]:
    """Increasing maps from 0 to 1, also with knots that lie close together or that do not rise."""
    inner = draw(st.lists(st.floats(1e-6, 1 - 1e-6), unique=True, max_size=8))
    heights = sorted(draw(st.lists(st.floats(0.0, 1.0), min_size=len(inner) + 2, max_size=len(inner) + 2)))
    return tuple(zip([0.0, *sorted(inner), 1.0], heights, strict=True))


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration | None:
    if draw(st.integers(0, 4)) == 0:
        return None
    temperature = draw(st.floats(0.1, 5.0))
    return Calibration(
        source="calibration_images",
        temperature=temperature,
        images=100,
        members_per_image=3,
        fitted_temperature=temperature,
        confidence_map=draw(st.one_of(st.just(()), confidence_maps())),
    )


def outputs_of(probabilities: np.ndarray, calibration: Calibration | None, threshold: float) -> dict[str, np.ndarray]:
    _, members, classes = probabilities.shape
    part = GraphPart("it/")
    add_outputs(part, members=members, classes=classes, calibration=calibration, confidence_threshold=threshold)
    graph = onnx.GraphProto.FromString(part.encode())
    graph.name = "it"
    shape = [None, members, classes]
    graph.input.append(helper.make_tensor_value_info(MEMBER_PROBABILITIES, TensorProto.FLOAT, shape))
    names = [name for name in (*OUTPUTS, "abstains") if name != MEMBER_PROBABILITIES]
    kinds = {"label": TensorProto.INT64, "abstains": TensorProto.BOOL}
    for name in names:
        shape = [None, classes] if name == "probabilities" else [None]
        graph.output.append(helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), shape))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    session = open_session(model.SerializeToString(), "it")
    return dict(zip(names, session.run(names, {MEMBER_PROBABILITIES: probabilities}), strict=True))


@hypothesis.settings(max_examples=100)
@hypothesis.given(
    seed=st.integers(0, 10_000),
    members=st.integers(1, 5),
    classes=st.integers(2, 6),
    sharpness=st.sampled_from([0.1, 1.0, 5.0, 50.0]),
    calibration=calibrations(),
)
# Two members are certain of two classes each, whose means differ by 7e-14.
@hypothesis.example(seed=238, members=5, classes=3, sharpness=50.0, calibration=None)
def test_a_graph_tells_the_same_as_the_evaluation(seed, members, classes, sharpness, calibration):
    powers = np.exp(np.random.default_rng(seed).normal(0, sharpness, (20, members, classes)))
    probabilities = (powers / powers.sum(axis=2, keepdims=True)).astype(np.float32)
    running = RunningUncertainty(20, classes)
    for member in range(members):
        running.add(probabilities[:, member])
    mean, expected = running.mean(), running.result()
    calibrated = calibrator_of(calibration)(mean) if calibration else mean

    found = outputs_of(probabilities, calibration, 0.5)

    assert (found["label"] == mean.argmax(axis=1)).all()
    np.testing.assert_allclose(found["predictive_entropy"], expected.predictive_entropy, atol=1e-5)
    np.testing.assert_allclose(found["mutual_information"], expected.mutual_information, atol=1e-5)
    np.testing.assert_allclose(found["disagreement"], expected.disagreement, atol=1e-6)
    # A map may rise by all its height between two floats that are neighbours: there a rounding decides.
    steepest = 1.0
    if calibration is not None and calibration.confidence_map:
        places, heights = np.array(calibration.confidence_map).T
        steepest = max(1.0, float((np.diff(heights) / np.maximum(np.diff(places), 1e-7)).max()))
    np.testing.assert_allclose(found["probabilities"], calibrated, atol=min(1.0, 1e-5 * steepest))
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1, atol=1e-5)
    assert (found["confidence"] == found["probabilities"].max(axis=1)).all()
    assert (found["abstains"] == (found["confidence"] < np.float32(0.5))).all()


def test_members_that_are_certain_of_different_classes_give_finite_numbers():
    probabilities = np.zeros((1, 2, 3), dtype=np.float32)
    probabilities[0, 0, 0] = probabilities[0, 1, 2] = 1.0
    calibration = Calibration(
        source="calibration_images",
        temperature=0.02,
        images=1,
        members_per_image=2,
        fitted_temperature=0.02,
        confidence_map=((0.0, 0.2), (1.0, 0.9)),
    )

    found = outputs_of(probabilities, calibration, 0.5)

    assert all(np.isfinite(value).all() for value in found.values())
    assert found["mutual_information"][0] == np.float32(np.log(2))
    assert found["disagreement"][0] == 0.5
