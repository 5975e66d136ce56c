"""Layers of saved models that work along an axis: it must be that of the channels in ours, too."""

import pytest

from deepchord.shared.errors import CheckpointError
from deepchord.shared.network import Architecture
from deepchord.shared.saved_models.reading import network_of_configuration

DENSE = {"class_name": "Dense", "config": {"name": "out", "units": 3, "activation": "softmax"}}
FLATTEN = {"class_name": "Flatten", "config": {"name": "flat"}}
SEQUENCE = {"class_name": "Reshape", "config": {"name": "rows", "target_shape": [8, 6]}}


def network(shape: list[int], *layers: dict, images: tuple[int, ...] = (8, 6, 1)) -> Architecture:
    listed = [{"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, *shape]}}, *layers]
    configuration = {"class_name": "Sequential", "config": {"layers": listed}}
    return network_of_configuration(configuration, images, "m.h5").architecture


def along(kind: str, axis: object) -> dict:
    return {"class_name": kind, "config": {"name": "one", "axis": axis}}


@pytest.mark.parametrize("kind", ["LayerNormalization", "BatchNormalization", "Concatenate"])
@pytest.mark.parametrize(
    ("axis", "is_right"), [(-1, True), (2, True), ([2], True), (1, False), (3, False), (-2, False)]
)
def test_the_channels_of_a_sequence_are_its_second_axis(kind: str, axis: object, is_right: bool):
    layers = SEQUENCE, along(kind, axis), FLATTEN, DENSE

    if is_right:
        assert network([8, 6, 1], *layers).layers[0].type == "reshape"
    else:
        with pytest.raises(CheckpointError, match=r"layer 'one' works along the axis -?\d, which is not the channels'"):
            network([8, 6, 1], *layers)


@pytest.mark.parametrize("kind", ["LayerNormalization", "BatchNormalization", "Softmax"])
def test_a_layer_on_images_without_an_axis_of_channels_works_along_the_columns(kind: str):
    found = network([8, 6], along(kind, -1), FLATTEN, DENSE)

    layers = found.resolve(input_shape=(8, 6, 1), classes=3).layers
    assert [layer.output_shape for layer in layers] == [(8, 6), (8, 6), (48,), (3,)]


def test_images_without_an_axis_of_channels_that_are_flattened_or_shaped_need_no_other_layer():
    image = {"class_name": "Reshape", "config": {"name": "image", "target_shape": [8, 6, 1]}}

    assert [layer.type for layer in network([8, 6], FLATTEN, DENSE).layers] == ["flatten", "dense"]
    assert [layer.type for layer in network([8, 6], image, FLATTEN, DENSE).layers] == ["flatten", "dense"]
