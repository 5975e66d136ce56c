"""What follows from the members' means and variances, as nodes: the same as `deepchord.shared.regression` computes.

All of it is float64: a year of 2026 that is known to a tenth of a day has more digits than float32.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from deepchord.ensemble.graph import names
from deepchord.ensemble.graph.builder import GraphPart
from deepchord.shared.messages import Target
from deepchord.shared.regression import LEAST_VARIANCE


def add_number_outputs(part: GraphPart, *, targets: Sequence[Target], factors: Sequence[float] | None) -> None:
    """Add all outputs that follow from `member_outputs`.

    Args:
        part: Where the nodes go.
        targets: The numbers that are predicted.
        factors: What the variance of each target is multiplied with; None: it is not scaled.
    """
    over_members = part.integers("axis_1", 1)
    offsets, scales = (np.array([getattr(target, name) for target in targets]) for name in ("mean", "scale"))
    means, raw = _halves(part, part.add("Cast", names.MEMBER_OUTPUTS, to=TensorProto.DOUBLE), len(targets))
    mean = part.add("ReduceMean", means, over_members, keepdims=1)
    differences = part.add("Sub", means, mean)
    epistemic = part.add("ReduceMean", part.add("Mul", differences, differences), over_members, keepdims=0)
    aleatoric = part.add("ReduceMean", _variances(part, raw), over_members, keepdims=0)
    # Of variances as they are, in the targets' units.
    widening = scales**2 if factors is None else scales**2 * np.array(factors)
    factor = part.constant("widening", widening)
    variances = [part.add("Mul", variance, factor) for variance in (aleatoric, epistemic)]
    scale, offset = part.constant("scales", scales), part.constant("offsets", offsets)
    part.add("Squeeze", _in_units(part, mean, scale, offset), over_members, output=names.MEAN)
    part.add("Sqrt", part.add("Add", *variances), output=names.STANDARD_DEVIATION)
    part.add("Sqrt", variances[0], output=names.ALEATORIC)
    part.add("Sqrt", variances[1], output=names.EPISTEMIC)
    part.add("Identity", _in_units(part, means, scale, offset), output=names.MEMBER_MEANS)


def _halves(part: GraphPart, outputs: str, targets: int) -> tuple[str, str]:
    """Return the means, and what tells the variances, each [rows, members, targets]."""
    axis = part.integers("axis_2", 2)
    bounds = [part.integers(f"column_{place}", place * targets) for place in range(3)]
    return part.add("Slice", outputs, bounds[0], bounds[1], axis), part.add(
        "Slice", outputs, bounds[1], bounds[2], axis
    )


def _variances(part: GraphPart, raw: str) -> str:
    """Return log(1 + exp(raw)) + the least variance, of any raw without an overflow."""
    zero, one, least = (
        part.constant(name, _number(value)) for name, value in (("zero", 0.0), ("one", 1.0), ("least", LEAST_VARIANCE))
    )
    small = part.add("Exp", part.add("Neg", part.add("Abs", raw)))
    logarithm = part.add("Log", part.add("Add", small, one))
    return part.add("Add", part.add("Add", part.add("Max", raw, zero), logarithm), least)


def _in_units(part: GraphPart, standardised: str, scale: str, offset: str) -> str:
    return part.add("Add", part.add("Mul", standardised, scale), offset)


def _number(value: float) -> NDArray[np.float64]:
    return np.array(value, dtype=np.float64)
