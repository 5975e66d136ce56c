"""A part of a graph that grows node by node; its names begin with a prefix, so that parts can be joined."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

#: Smaller arrays stay float32 where weights are stored as float16: their size is nothing, and their rounding is.
_FEWEST_HALVED = 512


class GraphPart:
    """Nodes and constants of one part of a graph."""

    def __init__(self, prefix: str, *, half: bool = False) -> None:
        """Begin an empty part.

        Args:
            prefix: Before the names of all of its nodes and values.
            half: Whether large constants of floats are stored as float16; they are turned to float32 when the graph
                is loaded.
        """
        self._prefix = prefix
        self._half = half
        self._graph = onnx.GraphProto()

    def add(self, operation: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node with one output; return the output's name.

        Args:
            operation: The operator, such as `Conv`.
            inputs: The names of its inputs.
            output: The output's name as it is; None: one is made up.
            attributes: The operator's attributes.
        """
        name = f"{self._prefix}{operation.lower()}_{len(self._graph.node)}"
        result = output or name
        self._graph.node.append(helper.make_node(operation, list(inputs), [result], name=name, **attributes))
        return result

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Add an array; return the name of its value."""
        full = f"{self._prefix}{name}"
        if not (self._half and values.dtype == np.float32 and values.size >= _FEWEST_HALVED):
            self._graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), full))
            return full
        limit = np.finfo(np.float16).max
        halved = np.clip(values, -limit, limit).astype(np.float16)
        self._graph.initializer.append(numpy_helper.from_array(halved, f"{full}_half"))
        return self.add("Cast", f"{full}_half", output=full, to=onnx.TensorProto.FLOAT)

    def integers(self, name: str, *values: int) -> str:
        """Add a vector of int64; return the name of its value."""
        return self.constant(name, np.array(values, dtype=np.int64))

    def number(self, value: np.float32) -> str:
        """Add a number, unless the part has it; return the name of its value."""
        name = f"number_{value}"
        full = f"{self._prefix}{name}"
        has_it = any(each.name == full for each in self._graph.initializer)
        return full if has_it else self.constant(name, np.array(value))

    def encode(self) -> bytes:
        """Return the part as bytes; the bytes of several parts, one after the other, are a graph of all of them."""
        return bytes(self._graph.SerializeToString())
