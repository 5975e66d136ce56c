"""An ensemble as an ONNX graph: its layers, all of its members, and what follows from what these say.

The package `onnx` is needed for writing a graph, and ONNX Runtime for computing it; neither trains, and no framework is
asked.
"""

from deepchord.ensemble.graph.names import (
    FEATURES,
    IMAGES,
    LABEL_OUTPUTS,
    MEMBER_OUTPUTS,
    MEMBER_PROBABILITIES,
    METADATA,
    NUMBER_OUTPUTS,
    OUTPUTS,
)
from deepchord.ensemble.graph.options import GraphOptions, InputType
from deepchord.ensemble.graph.session import open_session

__all__ = [
    "FEATURES",
    "IMAGES",
    "LABEL_OUTPUTS",
    "MEMBER_OUTPUTS",
    "MEMBER_PROBABILITIES",
    "METADATA",
    "NUMBER_OUTPUTS",
    "OUTPUTS",
    "GraphOptions",
    "InputType",
    "open_session",
]
