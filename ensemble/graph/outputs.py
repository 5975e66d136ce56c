"""What follows from the members' probabilities, as nodes: the same as `deepchord.shared.uncertainty` computes."""

import numpy as np
from onnx import TensorProto

from deepchord.ensemble.graph import names
from deepchord.ensemble.graph.builder import GraphPart
from deepchord.shared.messages import Calibration
from deepchord.shared.uncertainty.confidence_map import MARGIN, SMALLEST_SHARE
from deepchord.shared.uncertainty.temperature import SMALLEST


def add_members(part: GraphPart, members: list[str], output: str) -> str:
    """Join what the members give under a name; return that name, float32 [images, members, outputs]."""
    axis = part.integers("members_axis", 1)
    unsqueezed = [part.add("Unsqueeze", member, axis) for member in members]
    return part.add("Concat", *unsqueezed, axis=1, output=output)


def add_outputs(
    part: GraphPart,
    *,
    members: int,
    classes: int,
    calibration: Calibration | None,
    confidence_threshold: float | None = None,
) -> None:
    """Add all outputs that follow from `member_probabilities`.

    Args:
        part: Where the nodes go.
        members: How many members there are.
        classes: How many classes there are.
        calibration: How their mean is calibrated; None: it is not.
        confidence_threshold: See `GraphOptions`.
    """
    all_members = names.MEMBER_PROBABILITIES
    over_members, over_classes = part.integers("axis_1", 1), part.integers("axis_2", 2)
    mean = add_mean(part, members, over_members)
    of_members = part.add("ReduceMean", _entropy(part, all_members, over_classes), over_members, keepdims=0)
    entropy = _entropy(part, mean, over_members)
    part.add("Identity", entropy, output=names.PREDICTIVE_ENTROPY)
    difference = part.add("Sub", entropy, of_members)
    # Below zero only by rounding: entropy is concave.
    part.add("Relu", difference, output=names.MUTUAL_INFORMATION)
    _add_disagreement(part, members, classes, over_members)
    label = part.add("ArgMax", mean, axis=1, keepdims=0, output=names.LABEL)
    calibrated = _calibrated(part, mean, label, classes, calibration)
    part.add("Identity", calibrated, output=names.PROBABILITIES)
    confidence = part.add("ReduceMax", calibrated, over_members, keepdims=0, output=names.CONFIDENCE)
    if confidence_threshold is not None:
        threshold = part.constant("confidence_threshold", np.array(confidence_threshold, dtype=np.float32))
        part.add("Less", confidence, threshold, output=names.ABSTAINS)


def add_mean(part: GraphPart, members: int, over_members: str) -> str:
    """Return the mean of the members' probabilities, float32 [images, classes] or [images, labels].

    It is summed in float64 and rounded once, as the evaluation does: where two classes are equally probable but for the
    rounding, a sum in float32 would tell another label.
    """
    summed = part.add(
        "ReduceSum", part.add("Cast", names.MEMBER_PROBABILITIES, to=TensorProto.DOUBLE), over_members, keepdims=0
    )
    mean = part.add("Div", summed, part.constant("members_in_double", np.array(members, dtype=np.float64)))
    return part.add("Cast", mean, to=TensorProto.FLOAT)


def _entropy(part: GraphPart, probabilities: str, axis: str) -> str:
    """Return the entropy over the last axis, in nats."""
    smallest = part.constant(f"smallest_of_{probabilities}", np.array(SMALLEST, dtype=np.float32))
    logarithms = part.add("Log", part.add("Max", probabilities, smallest))
    summed = part.add("ReduceSum", part.add("Mul", probabilities, logarithms), axis, keepdims=0)
    # Not below zero, as a rounded sum of probabilities would have it.
    return part.add("Relu", part.add("Neg", summed))


def _add_disagreement(part: GraphPart, members: int, classes: int, over_members: str) -> None:
    """Add the share of members that do not vote with the majority."""
    votes = part.add("ArgMax", names.MEMBER_PROBABILITIES, axis=2, keepdims=0)
    counted = part.add("ReduceSum", _one_hot(part, "votes", votes, classes), over_members, keepdims=0)
    most = part.add("ReduceMax", counted, over_members, keepdims=0)
    share = part.add("Div", most, part.constant("members", np.array(members, dtype=np.float32)))
    one = part.constant("all_votes", np.array(1.0, dtype=np.float32))
    part.add("Sub", one, share, output=names.DISAGREEMENT)


def _one_hot(part: GraphPart, name: str, indices: str, classes: int) -> str:
    depth = part.integers(f"{name}_depth", classes)
    values = part.constant(f"{name}_values", np.array([0.0, 1.0], dtype=np.float32))
    return part.add("OneHot", indices, depth, values, axis=-1)


def _calibrated(part: GraphPart, mean: str, label: str, classes: int, calibration: Calibration | None) -> str:
    if calibration is None:
        return mean
    smallest = part.constant("smallest", np.array(SMALLEST, dtype=np.float32))
    temperature = part.constant("temperature", np.array(calibration.temperature, dtype=np.float32))
    logits = part.add("Div", part.add("Log", part.add("Max", mean, smallest)), temperature)
    scaled = part.add("Softmax", logits, axis=1)
    if not calibration.confidence_map:
        return scaled
    is_predicted = _one_hot(part, "predicted", label, classes)
    return _with_confidence(part, scaled, is_predicted, calibration.confidence_map)


def _with_confidence(part: GraphPart, scaled: str, is_predicted: str, knots: tuple[tuple[float, float], ...]) -> str:
    """Return probabilities whose predicted classes have the mapped confidence; the others keep their shares."""
    axis = part.integers("classes_axis", 1)
    one = part.constant("one", np.array(1.0, dtype=np.float32))
    smallest = part.constant("smallest_rest", np.array(SMALLEST_SHARE, dtype=np.float32))
    confidence = part.add("ReduceSum", part.add("Mul", scaled, is_predicted), axis, keepdims=1)
    others = part.add("Mul", part.add("Max", scaled, smallest), part.add("Sub", one, is_predicted))
    rest = part.add("ReduceSum", others, axis, keepdims=1)
    second = part.add("ReduceMax", others, axis, keepdims=1)
    # So low that the second class becomes as probable as the predicted one; never lower.
    lowest = part.add("Div", second, part.add("Add", second, rest))
    highest = part.constant("highest", np.array(1 - MARGIN, dtype=np.float32))
    wanted = part.add("Min", part.add("Max", _mapped(part, confidence, knots), lowest), highest)
    shared = part.add("Mul", others, part.add("Div", part.add("Sub", one, wanted), rest))
    return part.add("Add", shared, part.add("Mul", wanted, is_predicted))


def _mapped(part: GraphPart, confidence: str, knots: tuple[tuple[float, float], ...]) -> str:
    """Return a piecewise linear function of confidences [images, 1]: the sum of a ramp for each piece."""
    places, heights = np.array(knots, dtype=np.float64).T
    starts = places.astype(np.float32)[:-1]
    widths = np.diff(places.astype(np.float32))
    rises = np.diff(heights).astype(np.float32)
    # Knots that float32 cannot tell apart are a step: a ramp of the smallest width.
    widths = np.maximum(widths, np.float32(1e-7))
    zero = part.constant("ramp_begin", np.array(0.0, dtype=np.float32))
    end = part.constant("ramp_end", np.array(1.0, dtype=np.float32))
    along = part.add("Sub", confidence, part.constant("knots", starts[None]))
    ramps = part.add("Clip", part.add("Div", along, part.constant("widths", widths[None])), zero, end)
    summed = part.add("MatMul", ramps, part.constant("rises", rises[:, None]))
    return part.add("Add", summed, part.constant("first_height", np.array(heights[0], dtype=np.float32)))
