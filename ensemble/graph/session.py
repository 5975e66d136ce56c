"""A graph that ONNX Runtime computes, on the processor."""

from typing import TYPE_CHECKING

from deepchord.shared.errors import EngineError, InputError

if TYPE_CHECKING:
    import onnxruntime


def open_session(model: bytes, source: str) -> "onnxruntime.InferenceSession":
    """Return a session that computes a graph, on one thread each time it is asked; several threads may ask at once.

    Args:
        model: The bytes of an ONNX file.
        source: Where they came from, for errors.

    Raises:
        EngineError: ONNX Runtime is not installed.
        InputError: It does not accept the graph.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError(
            f"ONNX Runtime, which computes predictions, cannot be imported ({error}): pip install 'deepchord[predict]'."
        ) from error
    options = onnxruntime.SessionOptions()
    # Chunks of images are computed side by side instead: a layer of a small network is too little for several threads.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(
            f"{source} is no model that ONNX Runtime {onnxruntime.__version__} computes: {error}"
        ) from error
