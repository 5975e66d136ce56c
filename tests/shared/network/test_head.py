"""Which layer of a network gives its classes, and how it gets other ones."""

import pytest

from deepchord.shared.network import (
    ActivationLayer,
    Add,
    Architecture,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    head_place,
    outputs_of,
    with_outputs,
)

_SOFTMAX = ActivationLayer(activation="softmax")


@pytest.mark.parametrize(
    ("layers", "place"),
    [
        ((Flatten(), Dense(units=4, activation="softmax")), 1),
        ((Flatten(), Dense(units="classes"), Dropout(rate=0.1), _SOFTMAX), 1),
        ((Conv2D(filters=4, kernel_size=1), GlobalAveragePooling2D(), _SOFTMAX), 0),
        ((Dense(units=4), BatchNormalization(), _SOFTMAX), None),
        ((Dense(units=4, name="one"), Add(inputs=("one", "input"))), None),
        ((Flatten(), _SOFTMAX), None),
    ],
)
def test_the_head_is_the_last_layer_with_weights_if_nothing_but_activations_follows(
    layers: tuple[Layer, ...], place: int | None
):
    assert head_place(layers) == place


@pytest.mark.parametrize("head", [Conv2D(filters=4, kernel_size=1, activation="linear"), Dense(units=4)])
def test_a_head_gets_other_outputs_and_keeps_all_else(head: Layer):
    before = (Flatten(),) if isinstance(head, Dense) else ()
    after = () if isinstance(head, Dense) else (GlobalAveragePooling2D(),)
    network = Architecture(layers=(*before, head, *after, _SOFTMAX))

    changed = with_outputs(network, 7)

    assert changed.resolve(input_shape=(3, 3, 2), classes=7).layers[-1].output_shape == (7,)
    assert with_outputs(network, 4) == network
    assert outputs_of(network.layers[len(before)], 9) == 4
