"""Activation functions as nodes."""

import math

import numpy as np

from deepchord.ensemble.graph.builder import GraphPart
from deepchord.ensemble.graph.values import Value
from deepchord.shared.network import Activation

#: The operator of each activation of single values that has one.
_OPERATORS = {
    "relu": "Relu",
    "elu": "Elu",
    "selu": "Selu",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "mish": "Mish",
    "hard_silu": "HardSwish",
}


def add_activation(part: GraphPart, activation: Activation, value: Value) -> Value:
    """Add an activation; return its output."""
    match activation:
        case "linear":
            return value
        case "softmax":  # over the channels
            return value.becomes(part.add("Softmax", value.name, axis=1 if value.channels_first else -1))
        case "relu6":
            return value.becomes(part.add("Clip", value.name, _number(part, 0.0), _number(part, 6.0)))
        case "leaky_relu":
            return value.becomes(part.add("LeakyRelu", value.name, alpha=0.2))
        case "hard_sigmoid":
            return value.becomes(part.add("HardSigmoid", value.name, alpha=1 / 6, beta=0.5))
        case "silu":
            return value.becomes(part.add("Mul", value.name, part.add("Sigmoid", value.name)))
        case "gelu":
            return value.becomes(_gelu(part, value.name))
    return value.becomes(part.add(_OPERATORS[activation], value.name))


def _gelu(part: GraphPart, name: str) -> str:
    """Add x times the normal distribution's share below x (Hendrycks and Gimpel 2016); it has an operator later on."""
    below = part.add("Erf", part.add("Mul", name, _number(part, math.sqrt(0.5))))
    half = part.add("Mul", name, _number(part, 0.5))
    return part.add("Mul", half, part.add("Add", below, _number(part, 1.0)))


def _number(part: GraphPart, number: float) -> str:
    return part.number(np.float32(number))
