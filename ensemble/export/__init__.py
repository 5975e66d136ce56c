"""A finished ensemble as files for others: one ONNX file, a model of Keras 3, or a folder of its members."""

from deepchord.ensemble.export.keras_model import keras_ensemble, keras_member, save_keras
from deepchord.ensemble.export.members_folder import save_members
from deepchord.ensemble.export.onnx_file import ExportOptions, export_onnx, graph_bytes

__all__ = [
    "ExportOptions",
    "export_onnx",
    "graph_bytes",
    "keras_ensemble",
    "keras_member",
    "save_keras",
    "save_members",
]
