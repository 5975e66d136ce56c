"""The engine for Keras 3 on TensorFlow, PyTorch or JAX."""

from deepchord.worker.engines.keras3.backend import has_fast_bfloat16
from deepchord.worker.engines.keras3.engine import Keras3Engine

__all__ = ["Keras3Engine", "has_fast_bfloat16"]
