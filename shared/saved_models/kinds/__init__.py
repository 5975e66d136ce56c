"""Layers of any version of Keras as layers of the allow-list, kind by kind."""

from deepchord.shared.saved_models.kinds.converted import Converted
from deepchord.shared.saved_models.kinds.table import TRAINING_ONLY, canonical, converted

__all__ = ["TRAINING_ONLY", "Converted", "canonical", "converted"]
