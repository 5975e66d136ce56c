"""Data sets of people's own: what a path holds, how it is read if it is no table, and the test images."""

from deepchord.shared.datasets.own_files.given_test import labels_as_trained, refuse_two_tests, scored_part
from deepchord.shared.datasets.own_files.npz_files import labels_wanted
from deepchord.shared.datasets.own_files.options import TEST_SHARE, FileOptions, parse_size
from deepchord.shared.datasets.own_files.path_kinds import IMAGE_KINDS, PathKind, path_kind
from deepchord.shared.datasets.own_files.reading import (
    read_own_files,
    refuse_channels,
    refuse_image_options,
    refuse_table_options,
)
from deepchord.shared.datasets.own_files.splitting import split_with_copies, stratified_split

__all__ = [
    "IMAGE_KINDS",
    "TEST_SHARE",
    "FileOptions",
    "PathKind",
    "labels_as_trained",
    "labels_wanted",
    "parse_size",
    "path_kind",
    "read_own_files",
    "refuse_channels",
    "refuse_image_options",
    "refuse_table_options",
    "refuse_two_tests",
    "scored_part",
    "split_with_copies",
    "stratified_split",
]
