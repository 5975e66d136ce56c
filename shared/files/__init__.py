"""Files from anybody: what kind they are, and how arrays are read from them without running code or trusting sizes."""

from deepchord.shared.files.arrays import npz_outlines, read_idx, read_npy, read_npz, write_npy, write_npz
from deepchord.shared.files.hdf5 import array, has, has_names, held, names, opened, text
from deepchord.shared.files.kinds import GIT_ANNEX, HDF5, JSON, KERAS, TEXT, is_annexed, kind_of, told
from deepchord.shared.files.npz_headers import MissingArraysError
from deepchord.shared.files.regular_files import KINDS, check_regular, read_short_text

__all__ = [
    "GIT_ANNEX",
    "HDF5",
    "JSON",
    "KERAS",
    "KINDS",
    "TEXT",
    "MissingArraysError",
    "array",
    "check_regular",
    "has",
    "has_names",
    "held",
    "is_annexed",
    "kind_of",
    "names",
    "npz_outlines",
    "opened",
    "read_idx",
    "read_npy",
    "read_npz",
    "read_short_text",
    "text",
    "told",
    "write_npy",
    "write_npz",
]
