"""Results as files: weights in the HDF5 layout of Keras, and what members and ensembles predict."""

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
from deepchord.shared.checkpoints.label_probabilities import (
    EnsembleLabels,
    decode_ensemble_labels,
    encode_ensemble_labels,
)
from deepchord.shared.checkpoints.predictions import (
    EnsemblePredictions,
    decode_ensemble_predictions,
    encode_ensemble_predictions,
)
from deepchord.shared.checkpoints.probabilities import (
    EnsembleProbabilities,
    decode_ensemble_probabilities,
    decode_member_outputs,
    encode_ensemble_probabilities,
    encode_member_outputs,
)

__all__ = [
    "DESCRIPTION_FILE",
    "INITIAL_WEIGHTS_FILE",
    "EnsembleLabels",
    "EnsemblePredictions",
    "EnsembleProbabilities",
    "StoredLayer",
    "Weights",
    "check_fit",
    "decode_checkpoint",
    "decode_ensemble_labels",
    "decode_ensemble_predictions",
    "decode_ensemble_probabilities",
    "decode_member_outputs",
    "describe_shapes",
    "encode_checkpoint",
    "encode_ensemble_labels",
    "encode_ensemble_predictions",
    "encode_ensemble_probabilities",
    "encode_member_outputs",
    "read_layer",
    "stored_layers",
    "weighted_layers",
    "weights_file",
    "weights_root",
]
