"""Uses a finished ensemble: loads it, asks it about images, exports it.

It computes with ONNX Runtime and imports no framework; nothing here trains.
"""

from deepchord.ensemble.ensemble import Ensemble
from deepchord.ensemble.member import Member
from deepchord.ensemble.prediction import Prediction

__all__ = ["Ensemble", "Member", "Prediction"]
