"""A graph that ONNX Runtime computes, on the processor."""

from typing import TYPE_CHECKING

from deepchord.shared.errors import EngineError, InputError

if TYPE_CHECKING:
    import onnxruntime


def open_session(model: bytes, source: str, threads: int = 1) -> "onnxruntime.InferenceSession":
    """Return a session that computes a graph; several threads may ask it at once.

    Args:
        model: The bytes of an ONNX file.
        source: Where they came from, for errors.
        threads: On how many threads it computes each time. Chunks of images are computed side by side on one thread
            each instead: a layer of a small network is too little for several threads.

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
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that wait for each other keep their cores busy while a graph is computed, and give them back after it.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(
            f"{source} is no model that ONNX Runtime {onnxruntime.__version__} computes: {error}"
        ) from error
