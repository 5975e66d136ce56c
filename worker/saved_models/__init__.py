"""Reads models and weights that were saved with any Keras: the arrays, and the network if the file describes it.

Only arrays and the configuration are read, which are data; no class or function from a file is created or called.
"""

from deepchord.worker.saved_models.description import SavedNetwork
from deepchord.worker.saved_models.reading import SavedWeights, network_of_configuration, read_network, read_weights

__all__ = ["SavedNetwork", "SavedWeights", "network_of_configuration", "read_network", "read_weights"]
