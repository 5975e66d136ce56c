"""A value in a graph, and the order of its axes."""

from dataclasses import dataclass

from deepchord.ensemble.graph.builder import GraphPart


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value in the graph."""

    name: str
    #: How many axes it has beside that of the images: 3 for images, 2 for sequences, 1 for vectors.
    axes: int
    #: Whether its channels come right after the axis of the images.
    channels_first: bool = False

    def becomes(self, name: str) -> "Value":
        """Return a value with this name and axes in the same order."""
        return Value(name=name, axes=self.axes, channels_first=self.channels_first)


def channels_first(part: GraphPart, value: Value) -> Value:
    """Return a value with its channels before pixels or steps; a vector stays as it is."""
    if value.channels_first or value.axes == 1:
        return value
    turned = part.add("Transpose", value.name, perm=[0, value.axes, *range(1, value.axes)])
    return Value(name=turned, axes=value.axes, channels_first=True)


def channels_last(part: GraphPart, value: Value) -> Value:
    """Return a value with its channels behind pixels or steps."""
    if not value.channels_first:
        return value
    return Value(name=part.add("Transpose", value.name, perm=[0, *range(2, value.axes + 1), 1]), axes=value.axes)
