"""One member of a finished ensemble."""

from typing import TYPE_CHECKING

from deepchord.ensemble.sources import EnsembleMembers
from deepchord.shared.checkpoints import Weights
from deepchord.shared.messages import DescribedMember

if TYPE_CHECKING:
    import keras


class Member:
    """One member of a finished ensemble; its weights are read when they are asked for."""

    def __init__(self, source: EnsembleMembers, described: DescribedMember) -> None:
        """Take the ensemble's source and the member's description."""
        self._source = source
        self.description = described

    @property
    def index(self) -> int:
        """Its index in the run."""
        return self.description.index

    def weights(self) -> Weights:
        """Return its weights, verified: one tuple of float32 arrays for each layer that has some.

        Raises:
            StorageError: They cannot be read, or are damaged.
        """
        return self._source.weights(self.description)

    def to_keras(self) -> "keras.Model":
        """Return it as a model of Keras 3: images, as `Ensemble.to_keras` takes them, to its own probabilities.

        Of numbers it gives mean and standard deviation, as `Ensemble.to_keras` does, for itself and without scaling.

        Raises:
            EngineError: Keras 3 is not installed.
            StorageError: Its weights cannot be read, or are damaged.
        """
        from deepchord.ensemble.export import keras_member

        return keras_member(self._source, self.description)

    def __repr__(self) -> str:
        return f"<Member {self.index} of {self._source.place}>"
