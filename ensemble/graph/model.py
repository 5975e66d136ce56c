"""The graph of a whole ensemble, written part by part: one member's weights are in memory at a time."""

from collections.abc import Iterable, Iterator, Mapping
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np
import onnx
from onnx import TensorProto, helper

from deepchord.ensemble.graph import names
from deepchord.ensemble.graph.builder import GraphPart
from deepchord.ensemble.graph.label_outputs import add_label_outputs
from deepchord.ensemble.graph.layers import add_network
from deepchord.ensemble.graph.number_outputs import add_number_outputs
from deepchord.ensemble.graph.options import GraphOptions
from deepchord.ensemble.graph.outputs import add_members, add_outputs
from deepchord.shared.checkpoints import Weights
from deepchord.shared.errors import InputError
from deepchord.shared.messages import EnsembleDescription

#: Of 2022: all that is used is in it, and old runtimes know it.
_OPSET, _IR_VERSION = 18, 8
#: A message of protobuf, and so an ONNX file, is at most this large.
LARGEST_BYTES = 2**31 - 1
#: The field `graph` of a model (number 7), followed by its length.
_GRAPH_FIELD = bytes([7 << 3 | 2])
_SCALED = "scaled_images"
_COPIED_BYTES = 2**20


def write_graph(
    file: BinaryIO,
    description: EnsembleDescription,
    weights: Iterable[Weights],
    options: GraphOptions,
    metadata: Mapping[str, str],
) -> None:
    """Write an ensemble as an ONNX model.

    Args:
        file: Where it is written.
        description: The ensemble.
        weights: Of its members, in the order of the description; each is asked for when its turn comes.
        options: How.
        metadata: What else the model tells about itself.

    Raises:
        InputError: It would be larger than an ONNX file can be.
    """
    header = onnx.ModelProto(ir_version=_IR_VERSION, producer_name="deepchord", producer_version=description.version)
    header.opset_import.append(helper.make_opsetid("", _OPSET))
    helper.set_model_props(header, dict(metadata))
    # The length of a graph comes before it, so it is written aside first.
    with TemporaryFile() as aside:
        for part in _parts(description, weights, options):
            aside.write(part)
            if aside.tell() > LARGEST_BYTES:
                raise InputError(
                    f"The graph of {len(description.members)} members is larger than the 2 GiB that ONNX allows: it "
                    "can neither be computed nor exported as one; --half halves it, and --format members has no limit."
                )
        length = aside.tell()
        aside.seek(0)
        file.write(header.SerializeToString() + _GRAPH_FIELD + _as_varint(length))
        while copied := aside.read(_COPIED_BYTES):
            file.write(copied)


def _parts(description: EnsembleDescription, weights: Iterable[Weights], options: GraphOptions) -> Iterator[bytes]:
    """Yield the graph of an ensemble: its input, each member, its outputs."""
    network = description.dataset.network(description.architecture)
    yield _signature(description, options).SerializeToString()
    entry = GraphPart("input/")
    if options.input_type == "uint8":
        pixels = entry.add("Cast", names.IMAGES, to=TensorProto.FLOAT)
        entry.add("Div", pixels, entry.constant("255", np.array(255, dtype=np.float32)), output=_SCALED)
    yield entry.encode()
    images = _SCALED if options.input_type == "uint8" else _input(description)
    members = []
    for member, own in zip(description.members, weights, strict=True):
        part = GraphPart(f"member_{member.index}/", half=options.half)
        members.append(add_network(part, network, own, images))
        yield part.encode()
    end = GraphPart("ensemble/")
    add_members(end, members, _member_output(description))
    if not options.members_only:
        _add_what_follows(end, description, options)
    yield end.encode()


def _add_what_follows(part: GraphPart, description: EnsembleDescription, options: GraphOptions) -> None:
    """Add the outputs that follow from what the members give."""
    if description.regression is not None:
        scaling = description.regression.scaling
        factors = None if scaling is None else scaling.factors
        add_number_outputs(part, targets=description.dataset.targets, factors=factors)
        return
    if description.multilabel is not None:
        calibration = description.multilabel.calibration
        temperature = None if calibration is None else calibration.temperature
        add_label_outputs(part, members=len(description.members), temperature=temperature)
        return
    add_outputs(
        part,
        members=len(description.members),
        classes=description.dataset.classes,
        calibration=description.calibration,
        confidence_threshold=options.confidence_threshold,
    )


def _signature(description: EnsembleDescription, options: GraphOptions) -> onnx.GraphProto:
    """Return a graph without nodes: its name, its input and its outputs."""
    graph = onnx.GraphProto(name=description.run_id)
    kind = TensorProto.UINT8 if options.input_type == "uint8" else TensorProto.FLOAT
    taken = ["images", *description.dataset.input_shape]
    graph.input.append(helper.make_tensor_value_info(_input(description), kind, taken))
    members, shape = len(description.members), (len(description.dataset.targets),)
    outputs = description.dataset.outputs.size
    of_labels = names.LABEL_OUTPUTS if description.multilabel is not None else ()
    shapes: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(of_labels, (outputs,)),
        names.PROBABILITIES: (outputs,),
        names.MEMBER_PROBABILITIES: (members, outputs),
        **dict.fromkeys(names.NUMBER_OUTPUTS, shape),
        names.MEMBER_MEANS: (members, *shape),
        names.MEMBER_OUTPUTS: (members, outputs),
    }
    kinds = {
        names.LABEL: TensorProto.INT64,
        names.ABSTAINS: TensorProto.BOOL,
        names.APPLIES: TensorProto.BOOL,
        **dict.fromkeys(names.NUMBER_OUTPUTS, TensorProto.DOUBLE),
        names.MEMBER_OUTPUTS: TensorProto.FLOAT,
    }
    for name in _outputs(description, options):
        made = helper.make_tensor_value_info(
            name, kinds.get(name, TensorProto.FLOAT), ["images", *shapes.get(name, ())]
        )
        graph.output.append(made)
    return graph


def _input(description: EnsembleDescription) -> str:
    return names.IMAGES if description.dataset.table is None else names.FEATURES


def _member_output(description: EnsembleDescription) -> str:
    return names.MEMBER_PROBABILITIES if description.regression is None else names.MEMBER_OUTPUTS


def _outputs(description: EnsembleDescription, options: GraphOptions) -> tuple[str, ...]:
    if options.members_only:
        return (_member_output(description),)
    if description.regression is not None:
        return names.NUMBER_OUTPUTS
    if description.multilabel is not None:
        return names.LABEL_OUTPUTS
    return names.OUTPUTS if options.confidence_threshold is None else (*names.OUTPUTS, names.ABSTAINS)


def _as_varint(number: int) -> bytes:
    """Return a number as protobuf writes it: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while number >= 128:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])
