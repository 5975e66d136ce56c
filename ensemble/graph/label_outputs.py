"""What follows from the members' probabilities of labels, as nodes: as `deepchord.shared.multilabel` computes it."""

import numpy as np

from deepchord.ensemble.graph import names
from deepchord.ensemble.graph.builder import GraphPart
from deepchord.ensemble.graph.outputs import add_mean
from deepchord.shared.multilabel import LEAST_APPLYING
from deepchord.shared.uncertainty.temperature import SMALLEST


def add_label_outputs(part: GraphPart, *, members: int, temperature: float | None) -> None:
    """Add all outputs that follow from `member_probabilities`.

    Args:
        part: Where the nodes go.
        members: How many members there are.
        temperature: What the logits of the mean are divided by; None: it is not calibrated.
    """
    over_members = part.integers("axis_1", 1)
    mean = add_mean(part, members, over_members)
    of_members = part.add("ReduceMean", _entropy(part, names.MEMBER_PROBABILITIES, "members"), over_members, keepdims=0)
    entropy = part.add("Identity", _entropy(part, mean, "mean"), output=names.PREDICTIVE_ENTROPY)
    part.add("Identity", of_members, output=names.EXPECTED_ENTROPY)
    # Below zero only by rounding: entropy is concave.
    part.add("Relu", part.add("Sub", entropy, of_members), output=names.MUTUAL_INFORMATION)
    threshold = part.constant("least_applying", np.array(LEAST_APPLYING, dtype=np.float32))
    part.add("Greater", mean, threshold, output=names.APPLIES)
    calibrated = mean if temperature is None else _calibrated(part, mean, temperature)
    part.add("Identity", calibrated, output=names.PROBABILITIES)


def _entropy(part: GraphPart, probabilities: str, name: str) -> str:
    """Return the entropy of each probability in nats."""
    both = probabilities, part.add("Sub", _number(part, f"one_of_{name}", 1.0), probabilities)
    smallest = _number(part, f"smallest_of_{name}", SMALLEST)
    applies, does_not = (part.add("Mul", each, part.add("Log", part.add("Max", each, smallest))) for each in both)
    return part.add("Relu", part.add("Neg", part.add("Add", applies, does_not)))


def _calibrated(part: GraphPart, mean: str, temperature: float) -> str:
    smallest = _number(part, "smallest", SMALLEST)
    both = mean, part.add("Sub", _number(part, "one", 1.0), mean)
    applies, does_not = (part.add("Log", part.add("Max", each, smallest)) for each in both)
    logits = part.add("Sub", applies, does_not)
    return part.add("Sigmoid", part.add("Div", logits, _number(part, "temperature", temperature)))


def _number(part: GraphPart, name: str, value: float) -> str:
    return part.constant(name, np.array(value, dtype=np.float32))
