"""Data sets: where they are found, what makes them valid, and how they are published and loaded."""

from deepchord.shared.datasets.class_weights import weights_of_classes
from deepchord.shared.datasets.dataset import (
    Dataset,
    dataset_from_arrays,
    encode_dataset,
    load_dataset,
    publish_dataset,
)
from deepchord.shared.datasets.outlines import with_channels_last
from deepchord.shared.datasets.sources import Places, find_dataset
from deepchord.shared.datasets.unlabelled import (
    Images,
    find_images,
    fitted_images,
    load_images,
    publish_images,
)

__all__ = [
    "Dataset",
    "Images",
    "Places",
    "dataset_from_arrays",
    "encode_dataset",
    "find_dataset",
    "find_images",
    "fitted_images",
    "load_dataset",
    "load_images",
    "publish_dataset",
    "publish_images",
    "weights_of_classes",
    "with_channels_last",
]
