"""Reads files of unknown origin without running code or trusting sizes, and writes files that are never half there."""

from deepchord.shared.files.arrays import npz_outlines, npz_rows, read_npy, read_npz, write_npy, write_npz
from deepchord.shared.files.hdf5 import (
    find_object,
    has_names,
    has_object,
    open_hdf5,
    plain_array,
    read_names,
    read_text,
)
from deepchord.shared.files.idx import read_idx
from deepchord.shared.files.memory_maps import (
    LARGE_BYTES,
    in_pieces,
    is_mapped,
    map_array,
    new_array,
    pieces,
    read_at_random,
    read_in_order,
    rows_of,
    will_read,
)
from deepchord.shared.files.npy_files import read_npy_file
from deepchord.shared.files.npz_headers import MissingArraysError, check_memory
from deepchord.shared.files.npz_maps import read_large_npz
from deepchord.shared.files.recognition import GIT_ANNEX, HDF5, JSON, KERAS, TEXT, describe_kind, is_annexed, kind_of
from deepchord.shared.files.regular_files import (
    MAX_DESCRIPTION_BYTES,
    SPECIAL_FILES,
    check_regular,
    read_short_text,
)
from deepchord.shared.files.waiting_locks import lock_now, waiting_lock
from deepchord.shared.files.writing import refuse_unwritable, written_aside

__all__ = [
    "GIT_ANNEX",
    "HDF5",
    "JSON",
    "KERAS",
    "LARGE_BYTES",
    "MAX_DESCRIPTION_BYTES",
    "SPECIAL_FILES",
    "TEXT",
    "MissingArraysError",
    "check_memory",
    "check_regular",
    "describe_kind",
    "find_object",
    "has_names",
    "has_object",
    "in_pieces",
    "is_annexed",
    "is_mapped",
    "kind_of",
    "lock_now",
    "map_array",
    "new_array",
    "npz_outlines",
    "npz_rows",
    "open_hdf5",
    "pieces",
    "plain_array",
    "read_at_random",
    "read_idx",
    "read_in_order",
    "read_large_npz",
    "read_names",
    "read_npy",
    "read_npy_file",
    "read_npz",
    "read_short_text",
    "read_text",
    "refuse_unwritable",
    "rows_of",
    "waiting_lock",
    "will_read",
    "write_npy",
    "write_npz",
    "written_aside",
]
