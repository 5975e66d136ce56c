"""Arrays of a data set in files of their own: `.npy`, the IDX files of MNIST, and MATLAB's `.mat`."""

from deepchord.shared.datasets.array_files.idx_files import find_idx_files, read_idx_files
from deepchord.shared.datasets.array_files.matlab import read_matlab
from deepchord.shared.datasets.array_files.npy_files import find_npy_files, read_npy_files

__all__ = [
    "find_idx_files",
    "find_npy_files",
    "read_idx_files",
    "read_matlab",
    "read_npy_files",
]
