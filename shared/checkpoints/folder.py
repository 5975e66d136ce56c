"""The names of files in a folder with a whole ensemble, as `deepchord collect` writes it."""

#: An `EnsembleDescription`.
DESCRIPTION_FILE = "ensemble.json"


def weights_file(index: int) -> str:
    """Return the name of the file with a member's weights, HDF5."""
    return f"best_weights_{index}.hdf5"
