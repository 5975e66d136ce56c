"""A finished ensemble as one ONNX file, with all that it is in its metadata."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deepchord.ensemble.graph import METADATA, GraphOptions, InputType
from deepchord.ensemble.sources import EnsembleMembers
from deepchord.ensemble.thresholds import confidence_threshold
from deepchord.shared.errors import EngineError, InputError
from deepchord.shared.files import written_aside
from deepchord.shared.messages import EnsembleDescription
from deepchord.shared.network import Task
from deepchord.shared.tables import feature_names


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What can be chosen about an exported file; `Ensemble.to_onnx` describes them."""

    half: bool = False
    int8: bool = False
    risk: float | None = None
    input_type: InputType | None = None
    #: The licence that the file is given, such as `MIT`; its metadata say so.
    license: str = ""


def graph_bytes(source: EnsembleMembers) -> bytes:
    """Return the graph that this process itself computes: floats in, what the members give out.

    Raises:
        EngineError: The package onnx is not installed.
        InputError: The graph is larger than 2 GiB.
        StorageError: Weights cannot be read, or are damaged.
    """
    _check_installed()
    from deepchord.ensemble.graph.model import write_graph

    file = io.BytesIO()
    options = GraphOptions(input_type="float32", members_only=True)
    write_graph(file, source.description, source.all_weights(), options, {})
    return file.getvalue()


def export_onnx(source: EnsembleMembers, path: Path, options: ExportOptions) -> Path:
    """Write an ensemble as an ONNX file, which appears when it is complete and checked; return its path.

    Raises:
        EngineError: The package onnx is not installed.
        InputError: The file cannot be written, it would be larger than 2 GiB, or there is no threshold for the risk.
        StorageError: Weights cannot be read, or are damaged.
    """
    _check_installed()
    import onnx

    from deepchord.ensemble.graph.model import write_graph

    description = source.description
    if options.input_type == "uint8" and description.dataset.table is not None:
        raise InputError("Rows of a table are floats when networks take them: leave --input uint8 out.")
    graph = GraphOptions(
        input_type=options.input_type or _usual_input(description),
        half=options.half,
        confidence_threshold=None if options.risk is None else confidence_threshold(description, options.risk),
    )
    with written_aside(path) as aside:
        with aside.open("wb") as file:
            write_graph(file, description, source.all_weights(), graph, _metadata(description, options))
        if options.int8:
            from deepchord.ensemble.export.quantization import quantize

            quantize(aside)
        onnx.checker.check_model(str(aside))
    return path


def _usual_input(description: EnsembleDescription) -> InputType:
    pixels = description.dataset.pixels
    return pixels.type if pixels else "uint8"


def _metadata(description: EnsembleDescription, options: ExportOptions) -> dict[str, str]:
    """Return what a file tells about itself: for people and other programs by name, and all of it for deepchord."""
    dataset = description.dataset
    return {
        **_OF_TASK[description.task](description),
        **({"feature_names": json.dumps(feature_names(dataset.table), ensure_ascii=False)} if dataset.table else {}),
        "run_id": description.run_id,
        "seed": str(description.seed),
        "dataset": dataset.name,
        "dataset_sha256": dataset.sha256,
        "weights_sha256": json.dumps([member.weights_sha256 for member in description.members]),
        "weights_type": "int8" if options.int8 else "float16" if options.half else "float32",
        "deepchord_version": description.version,
        "license": options.license,
        METADATA: description.encode().decode(),
    }


def _of_classes(description: EnsembleDescription) -> dict[str, str]:
    told = {"method", "guarantee", "level", "thresholds"}
    return {
        "class_names": json.dumps(description.dataset.class_names, ensure_ascii=False),
        "temperature": str(description.calibration.temperature if description.calibration else 1.0),
        "conformal_thresholds": json.dumps(
            [each.model_dump(mode="json", include=told) for each in description.conformal]
        ),
    }


def _of_numbers(description: EnsembleDescription) -> dict[str, str]:
    """Return the targets, and the half widths of intervals in standard deviations as they are before the scaling."""
    found, told = description.regression, {"method", "level", "half_widths", "is_approximate"}
    assert found is not None, "it predicts numbers"  # noqa: S101  for the type checker
    targets = description.dataset.targets
    return {
        "target_names": json.dumps([target.name for target in targets], ensure_ascii=False),
        "targets": json.dumps([target.model_dump(mode="json") for target in targets], ensure_ascii=False),
        "variance_factors": json.dumps(found.scaling.factors if found.scaling else [1.0] * len(targets)),
        "intervals": json.dumps([each.model_dump(mode="json", include=told) for each in found.intervals]),
    }


def _of_labels(description: EnsembleDescription) -> dict[str, str]:
    calibration = description.multilabel.calibration if description.multilabel else None
    return {
        "label_names": json.dumps(description.dataset.label_names, ensure_ascii=False),
        "temperature": str(calibration.temperature if calibration else 1.0),
    }


#: What a file tells of what it predicts.
_OF_TASK: Mapping[Task, Callable[[EnsembleDescription], dict[str, str]]] = {
    "classification": _of_classes,
    "regression": _of_numbers,
    "multilabel": _of_labels,
}


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401  only whether it is there
    except ImportError as error:
        raise EngineError(
            f"The package onnx, which writes graphs, cannot be imported ({error}): pip install 'deepchord[predict]'."
        ) from error
