"""Data sets of people's own in other files than `.npz`: what a path holds, how it is read, and the test images."""

from deepchord.shared.datasets.own_files.arrangement import check_are_classes, with_some_test, with_test_images
from deepchord.shared.datasets.own_files.options import TEST_SHARE, FileOptions, parse_size
from deepchord.shared.datasets.own_files.path_kinds import IMAGE_KINDS, PathKind, path_kind
from deepchord.shared.datasets.own_files.reading import (
    read_own_files,
    refuse_channels,
    refuse_image_options,
    refuse_target,
)
from deepchord.shared.datasets.own_files.splitting import split_with_copies, stratified_split

__all__ = [
    "IMAGE_KINDS",
    "TEST_SHARE",
    "FileOptions",
    "PathKind",
    "check_are_classes",
    "parse_size",
    "path_kind",
    "read_own_files",
    "refuse_channels",
    "refuse_image_options",
    "refuse_target",
    "split_with_copies",
    "stratified_split",
    "with_some_test",
    "with_test_images",
]
