"""The names of files in a folder with a whole ensemble, as `deepchord collect` writes it."""

#: An `EnsembleDescription`.
DESCRIPTION_FILE = "ensemble.json"
#: The weights that the members started from, if not from random ones; in a folder of its own, for it is no member.
INITIAL_WEIGHTS_FILE = "initial_weights/weights.hdf5"


def weights_file(index: int) -> str:
    """Return the name of the file with a member's weights, HDF5."""
    return f"best_weights_{index}.hdf5"
