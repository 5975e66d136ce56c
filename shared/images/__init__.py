"""Images as arrays: which are valid, how files become some, what a network makes of them, how they fit its input."""

from deepchord.shared.images.checks import check_image_outline, checked_images, images_with_channels_last
from deepchord.shared.images.conversion import ConvertedPicture, convert_picture, read_picture
from deepchord.shared.images.fitting import check_same_values, fitted_pixels
from deepchord.shared.images.image_files import SUFFIXES, is_picture, picture_pixels, picture_size
from deepchord.shared.images.scaling import pixel_values, scaled, value_limits

__all__ = [
    "SUFFIXES",
    "ConvertedPicture",
    "check_image_outline",
    "check_same_values",
    "checked_images",
    "convert_picture",
    "fitted_pixels",
    "images_with_channels_last",
    "is_picture",
    "picture_pixels",
    "picture_size",
    "pixel_values",
    "read_picture",
    "scaled",
    "value_limits",
]
