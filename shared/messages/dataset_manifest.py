"""The manifest of a data set that storage keeps in shards: which shards make which array."""

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from deepchord.shared.messages.run import PixelValues
from deepchord.shared.validation import ExtendedMessage, Message, Sha256

#: What the arrays of a data set are called.
ArrayName = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,63}$")]


class ShardedArray(Message):
    """An array in shards: `.npy` files of so many rows each, the last of what is left, in their order."""

    name: ArrayName
    #: As NumPy writes it.
    dtype: Literal["|u1", "<f4", "<f8", "<i8"]
    shape: tuple[NonNegativeInt, ...] = Field(min_length=1, max_length=4)
    rows_per_shard: PositiveInt
    #: The SHA-256 of each shard's bytes, under which storage keeps it.
    shards: tuple[Sha256, ...]

    @model_validator(mode="after")
    def _check_shards(self) -> "ShardedArray":
        expected = -(-self.shape[0] // self.rows_per_shard)
        if len(self.shards) != expected or 0 in self.shape:
            raise ValueError(
                f"{self.name} of shape {self.shape} has {len(self.shards)} shards of {self.rows_per_shard} rows"
            )
        return self

    @property
    def row_bytes(self) -> int:
        """How many bytes the values of a row take."""
        return int(self.dtype[-1]) * math.prod(self.shape[1:])

    @property
    def bytes(self) -> int:
        """How many bytes the values of the array take."""
        return self.shape[0] * self.row_bytes

    def rows(self) -> Iterator[tuple[Sha256, int, int]]:
        """Yield each shard with its first row and the row behind its last."""
        for number, sha256 in enumerate(self.shards):
            first = number * self.rows_per_shard
            yield sha256, first, min(first + self.rows_per_shard, self.shape[0])


class DatasetManifest(ExtendedMessage):
    """A data set in shards. The SHA-256 of the manifest as it lies in storage is that of the data set."""

    added_fields: ClassVar = ("label_names",)

    #: What the manifest's layout is called, for whoever finds the file.
    kind: Literal["deepchord data set in shards, 1"] = "deepchord data set in shards, 1"
    arrays: tuple[ShardedArray, ...] = Field(min_length=1)
    class_names: tuple[str, ...] = ()
    #: The names of the numbers that are predicted; empty: something else is.
    target_names: tuple[str, ...] = ()
    #: The names of the labels of which it is predicted whether they apply; empty: something else is predicted.
    label_names: tuple[str, ...] = ()
    #: The values of the training images, which were looked at when they were published.
    pixels: PixelValues
