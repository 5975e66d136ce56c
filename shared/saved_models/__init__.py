"""Reads models and weights that were saved with any Keras: the arrays, and the network if the file describes it.

Only arrays and the configuration are read, which are data; no class or function from a file is created or called.
"""

from deepchord.shared.saved_models.description import SavedNetwork
from deepchord.shared.saved_models.network_files import load_network, network_to_train
from deepchord.shared.saved_models.reading import SavedWeights, read_network, read_weights
from deepchord.shared.saved_models.rescaling import check_scaled
from deepchord.shared.saved_models.starts import StartingWeights, read_start

__all__ = [
    "SavedNetwork",
    "SavedWeights",
    "StartingWeights",
    "check_scaled",
    "load_network",
    "network_to_train",
    "read_network",
    "read_start",
    "read_weights",
]
