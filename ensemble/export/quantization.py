"""Whole numbers of 8 bits instead of floats, by the quantization of ONNX Runtime."""

import logging
from pathlib import Path

from deepchord.shared.errors import EngineError


def quantize(path: Path) -> None:
    """Rewrite a model so that convolutions and dense layers compute with 8 bits (dynamic quantization).

    Weights are rounded once, activations each time, by their range.

    Raises:
        EngineError: ONNX Runtime is not installed.
    """
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise EngineError(
            f"ONNX Runtime, which quantizes, cannot be imported ({error}): pip install 'deepchord[predict]'."
        ) from error
    # It advises to prepare the model for static quantization, which is not what is done here.
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        # Its convolutions take unsigned weights only.
        quantize_dynamic(path, path, weight_type=QuantType.QUInt8, per_channel=False)
    finally:
        root.setLevel(level)
