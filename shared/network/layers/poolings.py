"""Poolings: the largest value or the mean of each window, or of all of an input."""

from typing import Any, ClassVar, Literal

from pydantic import ValidationInfo, field_validator

from deepchord.shared.network.layers.layer import NetworkLayer, Padding, Window, Windows, pair
from deepchord.shared.network.layers.place import Outline, Place


class _Pooling2D(NetworkLayer):
    added_fields: ClassVar = ("strides",)

    pool_size: Windows = 2
    padding: Padding = "valid"
    #: From one window to the next; None: as far as a window is large.
    strides: Windows | None = None

    @field_validator("strides")
    @classmethod
    def _as_by_default(cls, strides: Any, known: ValidationInfo) -> Any:
        return None if strides == known.data.get("pool_size") else strides

    def outline(self, place: Place) -> Outline:
        """Return the shape [height, width, channels]."""
        channels = place.image()[2]
        window = pair(self.pool_size)
        strides = window if self.strides is None else pair(self.strides)
        return Outline((*place.window_counts(window, strides, padded=self.padding == "same"), channels))


class MaxPooling2D(_Pooling2D):
    """The largest value of each window."""

    type: Literal["max_pooling2d"] = "max_pooling2d"


class AveragePooling2D(_Pooling2D):
    """The mean of each window; pixels beyond the edges do not count."""

    type: Literal["average_pooling2d"] = "average_pooling2d"


class _Pooling1D(NetworkLayer):
    pool_size: Window = 2
    padding: Padding = "valid"
    #: From one window to the next; None: as far as a window is long.
    strides: Window | None = None

    @field_validator("strides")
    @classmethod
    def _as_by_default(cls, strides: Any, known: ValidationInfo) -> Any:
        return None if strides == known.data.get("pool_size") else strides

    def outline(self, place: Place) -> Outline:
        """Return the shape [length, channels]."""
        channels = place.sequence()[1]
        strides = (self.pool_size if self.strides is None else self.strides,)
        counts = place.window_counts((self.pool_size,), strides, padded=self.padding == "same")
        return Outline((*counts, channels))


class MaxPooling1D(_Pooling1D):
    """The largest value of each window of a sequence."""

    type: Literal["max_pooling1d"] = "max_pooling1d"


class AveragePooling1D(_Pooling1D):
    """The mean of each window of a sequence; steps beyond the ends do not count."""

    type: Literal["average_pooling1d"] = "average_pooling1d"


class _GlobalPooling2D(NetworkLayer):
    added_fields: ClassVar = ("keepdims",)

    #: Whether an image of one pixel is made instead of a vector.
    keepdims: bool = False

    def outline(self, place: Place) -> Outline:
        """Return the shape [channels], or [1, 1, channels]."""
        channels = place.image()[2]
        return Outline((1, 1, channels) if self.keepdims else (channels,))


class GlobalAveragePooling2D(_GlobalPooling2D):
    """The mean of each channel."""

    type: Literal["global_average_pooling2d"] = "global_average_pooling2d"


class GlobalMaxPooling2D(_GlobalPooling2D):
    """The largest value of each channel."""

    type: Literal["global_max_pooling2d"] = "global_max_pooling2d"


class _GlobalPooling1D(NetworkLayer):
    def outline(self, place: Place) -> Outline:
        """Return the shape [channels]."""
        return Outline((place.sequence()[1],))


class GlobalAveragePooling1D(_GlobalPooling1D):
    """The mean of each channel of a sequence."""

    type: Literal["global_average_pooling1d"] = "global_average_pooling1d"


class GlobalMaxPooling1D(_GlobalPooling1D):
    """The largest value of each channel of a sequence."""

    type: Literal["global_max_pooling1d"] = "global_max_pooling1d"
