"""Data sets: where they are found, what makes them valid, and how they are published and loaded."""

from deepchord.shared.datasets.dataset import (
    Dataset,
    dataset_from_arrays,
    encode_dataset,
    load_dataset,
    publish_dataset,
)
from deepchord.shared.datasets.outlines import with_channels_last
from deepchord.shared.datasets.sources import Places, find_dataset
from deepchord.shared.datasets.splitting import kept_for_test
from deepchord.shared.datasets.tables import LabelledRows, RowsDescription, dataset_of_table, labelled_dataset
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
    "LabelledRows",
    "Places",
    "RowsDescription",
    "dataset_from_arrays",
    "dataset_of_table",
    "encode_dataset",
    "find_dataset",
    "find_images",
    "fitted_images",
    "kept_for_test",
    "labelled_dataset",
    "load_dataset",
    "load_images",
    "publish_dataset",
    "publish_images",
    "with_channels_last",
]
