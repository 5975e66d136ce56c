"""Layers of any version of Keras as layers of the allow-list, kind by kind."""

from deepchord.shared.saved_models.kinds.converted import Converted
from deepchord.shared.saved_models.kinds.table import canonical, converted
from deepchord.shared.saved_models.kinds.training_options import TRAINING_ONLY, left_out

__all__ = ["TRAINING_ONLY", "Converted", "canonical", "converted", "left_out"]
