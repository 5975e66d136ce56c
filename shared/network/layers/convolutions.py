"""Convolutions: of images, of each channel alone, of sequences, and backwards."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from deepchord.shared.errors import InputError
from deepchord.shared.network.layers.layer import (
    Activation,
    Filters,
    Padding,
    PenalizedLayer,
    Window,
    Windows,
    pair,
)
from deepchord.shared.network.layers.place import Outline, Place, Shape, named_weights

Groups = Annotated[int, Field(ge=1, le=65536)]
Multiplier = Annotated[int, Field(ge=1, le=64)]


class Conv2D(PenalizedLayer):
    """Two-dimensional convolution; weights `kernel` [h, w, in / groups, filters] and `bias` [filters]."""

    added_fields: ClassVar = ("dilation_rate", "groups", "use_bias")

    type: Literal["conv2d"] = "conv2d"
    filters: Filters
    kernel_size: Windows = 3
    strides: Windows = 1
    padding: Padding = "same"
    activation: Activation = "relu"
    #: The distance of neighbouring pixels that a filter looks at.
    dilation_rate: Windows = 1
    #: Into how many groups input and output channels are split; a filter sees the channels of its own group.
    groups: Groups = 1
    use_bias: bool = True

    def outline(self, place: Place) -> Outline:
        """Return the shape [height, width, filters], and the weights."""
        channels = place.image()[2]
        _check_groups(place, channels, self.filters, self.groups)
        kernel, strides, dilation = pair(self.kernel_size), pair(self.strides), pair(self.dilation_rate)
        _check_dilation(place, strides, dilation)
        counts = place.window_counts(_dilated(kernel, dilation), strides, padded=self.padding == "same")
        weights = named_weights(
            kernel=(*kernel, channels // self.groups, self.filters), bias=(self.filters,) if self.use_bias else None
        )
        return Outline((*counts, self.filters), weights)


class DepthwiseConv2D(PenalizedLayer):
    """Convolves each channel alone; weights `depthwise_kernel` [h, w, in, multiplier] and `bias` [in multiplier]."""

    type: Literal["depthwise_conv2d"] = "depthwise_conv2d"
    kernel_size: Windows = 3
    strides: Window = 1
    padding: Padding = "same"
    #: How many outputs each channel has.
    depth_multiplier: Multiplier = 1
    activation: Activation = "linear"
    dilation_rate: Window = 1
    use_bias: bool = True

    def outline(self, place: Place) -> Outline:
        """Return the shape [height, width, in multiplier], and the weights."""
        channels = place.image()[2]
        filters = channels * self.depth_multiplier
        weights = named_weights(
            depthwise_kernel=(*pair(self.kernel_size), channels, self.depth_multiplier),
            bias=(filters,) if self.use_bias else None,
        )
        return Outline((*_depthwise_counts(self, place), filters), weights)


class SeparableConv2D(PenalizedLayer):
    """Convolves each channel alone, then mixes the channels of each pixel (Chollet 2017).

    Weights: `depthwise_kernel` [h, w, in, multiplier], `pointwise_kernel` [1, 1, in multiplier, filters] and `bias`
    [filters].
    """

    type: Literal["separable_conv2d"] = "separable_conv2d"
    filters: Filters
    kernel_size: Windows = 3
    strides: Window = 1
    padding: Padding = "same"
    depth_multiplier: Multiplier = 1
    activation: Activation = "relu"
    dilation_rate: Window = 1
    use_bias: bool = True

    def outline(self, place: Place) -> Outline:
        """Return the shape [height, width, filters], and the weights."""
        channels = place.image()[2]
        weights = named_weights(
            depthwise_kernel=(*pair(self.kernel_size), channels, self.depth_multiplier),
            pointwise_kernel=(1, 1, channels * self.depth_multiplier, self.filters),
            bias=(self.filters,) if self.use_bias else None,
        )
        return Outline((*_depthwise_counts(self, place), self.filters), weights)


class Conv2DTranspose(PenalizedLayer):
    """The gradient of a convolution as a layer: it makes images larger.

    Weights: `kernel` [h, w, filters, in] and `bias` [filters].
    """

    type: Literal["conv2d_transpose"] = "conv2d_transpose"
    filters: Filters
    kernel_size: Windows = 3
    strides: Windows = 1
    padding: Padding = "same"
    activation: Activation = "relu"
    use_bias: bool = True

    def outline(self, place: Place) -> Outline:
        """Return the shape [height, width, filters], and the weights."""
        *lengths, channels = place.image()
        kernel, strides = pair(self.kernel_size), pair(self.strides)
        beyond = (0, 0)
        if self.padding == "valid":
            beyond = max(kernel[0] - strides[0], 0), max(kernel[1] - strides[1], 0)
        made = tuple(length * step + more for length, step, more in zip(lengths, strides, beyond, strict=True))
        weights = named_weights(
            kernel=(*kernel, self.filters, channels), bias=(self.filters,) if self.use_bias else None
        )
        return Outline((*made, self.filters), weights)


class Conv1D(PenalizedLayer):
    """Convolution of a sequence [length, channels]; weights `kernel` [k, in / groups, filters] and `bias` [filters]."""

    type: Literal["conv1d"] = "conv1d"
    filters: Filters
    kernel_size: Window = 3
    strides: Window = 1
    #: `causal` pads the beginning alone, so that no output sees later inputs.
    padding: Literal["same", "valid", "causal"] = "same"
    activation: Activation = "relu"
    dilation_rate: Window = 1
    groups: Groups = 1
    use_bias: bool = True

    def outline(self, place: Place) -> Outline:
        """Return the shape [length, filters], and the weights."""
        channels = place.sequence()[1]
        _check_groups(place, channels, self.filters, self.groups)
        strides, dilation = (self.strides,), (self.dilation_rate,)
        _check_dilation(place, strides, dilation)
        window = _dilated((self.kernel_size,), dilation)
        counts = place.window_counts(window, strides, padded=self.padding != "valid")
        weights = named_weights(
            kernel=(self.kernel_size, channels // self.groups, self.filters),
            bias=(self.filters,) if self.use_bias else None,
        )
        return Outline((*counts, self.filters), weights)


def _depthwise_counts(layer: DepthwiseConv2D | SeparableConv2D, place: Place) -> Shape:
    strides, dilation = pair(layer.strides), pair(layer.dilation_rate)
    _check_dilation(place, strides, dilation)
    window = _dilated(pair(layer.kernel_size), dilation)
    return place.window_counts(window, strides, padded=layer.padding == "same")


def _check_dilation(place: Place, strides: tuple[int, ...], dilation: tuple[int, ...]) -> None:
    if max(strides) > 1 and max(dilation) > 1:  # no framework computes that
        raise InputError(f"Layer {place.name} has strides and a dilation_rate above 1; expected one of them to be 1.")


def _dilated(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Return how far a kernel reaches whose values lie apart."""
    return tuple((size - 1) * apart + 1 for size, apart in zip(kernel, dilation, strict=True))


def _check_groups(place: Place, channels: int, filters: int, groups: int) -> None:
    if channels % groups or filters % groups:
        raise InputError(
            f"Layer {place.name} splits {channels} channels and {filters} filters into {groups} groups; expected a "
            "number of groups that divides both."
        )
