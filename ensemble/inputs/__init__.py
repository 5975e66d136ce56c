"""Images and rows as people have them: arrays, files, data frames, pictures; turned into what the networks take."""

from deepchord.ensemble.inputs.arrays import ImageLike, as_images, convert_images
from deepchord.ensemble.inputs.converted import Converted
from deepchord.ensemble.inputs.lots import Damaged, Lot
from deepchord.ensemble.inputs.rows import RowsLike, TableInputs, as_rows, check_fit, convert_rows, find_rows
from deepchord.ensemble.inputs.streams import Inputs, find_inputs, read_inputs

__all__ = [
    "Converted",
    "Damaged",
    "ImageLike",
    "Inputs",
    "Lot",
    "RowsLike",
    "TableInputs",
    "as_images",
    "as_rows",
    "check_fit",
    "convert_images",
    "convert_rows",
    "find_inputs",
    "find_rows",
    "read_inputs",
]
