"""Images as people have them: arrays, files, folders, pictures of Pillow; turned into what the networks take."""

from deepchord.ensemble.inputs.arrays import ImageLike, as_images
from deepchord.ensemble.inputs.streams import Damaged, Lot, find_inputs, read_inputs

__all__ = ["Damaged", "ImageLike", "Lot", "as_images", "find_inputs", "read_inputs"]
