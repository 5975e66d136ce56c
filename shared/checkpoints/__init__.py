"""The results of a trained member as files: weights in the HDF5 layout of Keras, and class probabilities."""

from deepchord.shared.checkpoints.folder import DESCRIPTION_FILE, INITIAL_WEIGHTS_FILE, weights_file
from deepchord.shared.checkpoints.hdf5 import (
    StoredLayer,
    Weights,
    check_fit,
    decode_checkpoint,
    describe_shapes,
    encode_checkpoint,
    read_layer,
    stored_layers,
    weighted_layers,
    weights_root,
)
from deepchord.shared.checkpoints.probabilities import (
    EnsembleProbabilities,
    decode_ensemble_probabilities,
    decode_member_probabilities,
    encode_ensemble_probabilities,
    encode_member_probabilities,
)

__all__ = [
    "DESCRIPTION_FILE",
    "INITIAL_WEIGHTS_FILE",
    "EnsembleProbabilities",
    "StoredLayer",
    "Weights",
    "check_fit",
    "decode_checkpoint",
    "decode_ensemble_probabilities",
    "decode_member_probabilities",
    "describe_shapes",
    "encode_checkpoint",
    "encode_ensemble_probabilities",
    "encode_member_probabilities",
    "read_layer",
    "stored_layers",
    "weighted_layers",
    "weights_file",
    "weights_root",
]
