"""Arrays of images: which are valid, what a network makes of their values, and how they are fitted to its input."""

from deepchord.shared.images.checks import check_image_outline, checked_images, images_with_channels_last
from deepchord.shared.images.fitting import check_same_values, fitted_pixels
from deepchord.shared.images.scaling import pixel_values, scaled

__all__ = [
    "check_image_outline",
    "check_same_values",
    "checked_images",
    "fitted_pixels",
    "images_with_channels_last",
    "pixel_values",
    "scaled",
]
