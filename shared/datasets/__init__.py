"""Data sets: where they are found, what makes them valid, and how they are published and loaded."""

from deepchord.shared.datasets.class_weights import weights_of_classes
from deepchord.shared.datasets.dataset import (
    IN_MEMORY,
    Dataset,
    dataset_from_arrays,
    encode_dataset,
)
from deepchord.shared.datasets.examination import (
    LEFT_OUT,
    OVERLAP,
    ColumnOutline,
    Examination,
    PartOutline,
    TargetOutline,
    all_findings,
    examine,
    fingerprints,
    overlap_findings,
    value_findings,
    warn_of,
)
from deepchord.shared.datasets.named import Places, is_named_dataset
from deepchord.shared.datasets.outlines import with_channels_last
from deepchord.shared.datasets.own_files import (
    IMAGE_KINDS,
    TEST_SHARE,
    FileOptions,
    parse_size,
    split_with_copies,
    stratified_split,
)
from deepchord.shared.datasets.publication import load_dataset, load_labels, publish_dataset
from deepchord.shared.datasets.shards import Sharding, refuse_too_large
from deepchord.shared.datasets.sources import find_dataset, kind_of_dataset
from deepchord.shared.datasets.tables import LabelledRows, RowsDescription, dataset_of_table, labelled_dataset
from deepchord.shared.datasets.unlabelled import (
    Images,
    find_fitted_images,
    find_images,
    find_unseen_rows,
    fitted_images,
    load_images,
    publish_images,
)

__all__ = [
    "IMAGE_KINDS",
    "IN_MEMORY",
    "LEFT_OUT",
    "OVERLAP",
    "TEST_SHARE",
    "ColumnOutline",
    "Dataset",
    "Examination",
    "FileOptions",
    "Images",
    "LabelledRows",
    "PartOutline",
    "Places",
    "RowsDescription",
    "Sharding",
    "TargetOutline",
    "all_findings",
    "dataset_from_arrays",
    "dataset_of_table",
    "encode_dataset",
    "examine",
    "find_dataset",
    "find_fitted_images",
    "find_images",
    "find_unseen_rows",
    "fingerprints",
    "fitted_images",
    "is_named_dataset",
    "kind_of_dataset",
    "labelled_dataset",
    "load_dataset",
    "load_images",
    "load_labels",
    "overlap_findings",
    "parse_size",
    "publish_dataset",
    "publish_images",
    "refuse_too_large",
    "split_with_copies",
    "stratified_split",
    "value_findings",
    "warn_of",
    "weights_of_classes",
    "with_channels_last",
]
