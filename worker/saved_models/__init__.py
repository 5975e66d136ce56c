"""Models and weights that people saved with any Keras: their arrays, and the network if the file tells it.

Nothing is deserialised but arrays and the configuration, which is data; no class or function that a file names is made.
"""

from deepchord.worker.saved_models.description import ToldNetwork
from deepchord.worker.saved_models.reading import SavedWeights, network_of_configuration, read_network, read_weights

__all__ = ["SavedWeights", "ToldNetwork", "network_of_configuration", "read_network", "read_weights"]
