"""The protocols of engines and networks, and how an engine is opened. Each framework is imported in its room only."""

from deepchord.worker.engines.allocator import keep_freed_memory
from deepchord.worker.engines.engine import Batch, Device, Engine, Images, Labels, Network, Outputs, Probabilities
from deepchord.worker.engines.registry import open_configured_engine, open_engine

__all__ = [
    "Batch",
    "Device",
    "Engine",
    "Images",
    "Labels",
    "Network",
    "Outputs",
    "Probabilities",
    "keep_freed_memory",
    "open_configured_engine",
    "open_engine",
]
