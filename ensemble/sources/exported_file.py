"""An ensemble in one file, as `deepchord export` writes it: its graph, and its description in the metadata."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepchord.ensemble.graph import (
    FEATURES,
    IMAGES,
    MEMBER_OUTPUTS,
    MEMBER_PROBABILITIES,
    METADATA,
    InputType,
    open_session,
)
from deepchord.shared.command_line import printable_path
from deepchord.shared.errors import InputError
from deepchord.shared.files import check_regular
from deepchord.shared.messages import EnsembleDescription

if TYPE_CHECKING:
    import onnxruntime

#: What an ONNX file begins with: the number of its first field, the version.
_BEGINNING = b"\x08"
_INPUT_TYPES: dict[str, InputType] = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}


@dataclass(frozen=True, kw_only=True, eq=False)
class ExportedModel:
    """An exported graph that is ready to compute."""

    description: EnsembleDescription
    session: "onnxruntime.InferenceSession"
    input_type: InputType
    #: The file itself.
    data: bytes
    place: str

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the file itself."""
        return exported_model, (self.data, self.place)


def read_exported(path: Path) -> ExportedModel:
    """Return the ensemble in an exported file.

    Raises:
        InputError: It cannot be read, or it is no file of `deepchord export`.
        MessageDecodeError: Its description is not valid.
    """
    source = printable_path(path)
    try:
        check_regular(path)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}.") from error
    return exported_model(data, source)


def exported_model(data: bytes, source: str) -> ExportedModel:
    """Return the ensemble in the bytes of an exported file; see `read_exported`."""
    if not data.startswith(_BEGINNING):
        raise InputError(
            f"{source} is no ensemble: expected a run's id, `last`, a folder of `deepchord collect`, or an ONNX file "
            "of `deepchord export`."
        )
    session = open_session(data, source)
    described = session.get_modelmeta().custom_metadata_map.get(METADATA)
    inputs = {each.name: each.type for each in session.get_inputs()}
    taken = FEATURES if FEATURES in inputs else IMAGES
    has_members = any(output.name in (MEMBER_PROBABILITIES, MEMBER_OUTPUTS) for output in session.get_outputs())
    if described is None or inputs.get(taken) not in _INPUT_TYPES or not has_members:
        raise InputError(
            f"{source} is an ONNX model, but none that `deepchord export` wrote: expected the metadata {METADATA}, the "
            f"input {IMAGES} or {FEATURES} and the output {MEMBER_PROBABILITIES} or {MEMBER_OUTPUTS}."
        )
    return ExportedModel(
        description=EnsembleDescription.decode(described, f"The description in {source}"),
        session=session,
        input_type=_INPUT_TYPES[inputs[taken]],
        data=data,
        place=source,
    )
