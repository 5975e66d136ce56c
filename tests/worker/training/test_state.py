import contextlib
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from deepchord.shared.errors import CheckpointError
from deepchord.shared.files import read_npz, write_npz
from deepchord.shared.messages import EpochMetrics, Trainer, TrainingPart
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.worker.training import SavedTraining, TrainingState, decode_training, encode_training

NETWORK = Architecture(layers=(Flatten(), Dense(units=3), Dense(units="classes", activation="softmax"))).resolve(
    input_shape=(2, 2, 1), classes=2
)
TRAINER = Trainer(host="here", engine="numpy", engine_version="2", device="cpu")
EPOCH = EpochMetrics(train_loss=1, train_accuracy=0.5, validation_loss=1, validation_accuracy=0.5, duration_s=1)

floats = st.floats(-1e6, 1e6, width=32)


def weights_of(draw: Any) -> Any:
    return tuple(
        tuple(draw(arrays.arrays(np.float32, weight.shape, elements=floats)) for weight in layer.weights)
        for layer in NETWORK.layers
        if layer.weights
    )


@st.composite
def states(draw: Any) -> SavedTraining:
    epochs = draw(st.integers(1, 4))
    best_epoch = draw(st.integers(1, epochs))
    weights = weights_of(draw)
    state = TrainingState(
        weights=weights,
        best_weights=weights if best_epoch == epochs else weights_of(draw),
        best_epoch=best_epoch,
        history=(EPOCH,) * epochs,
        optimizer=tuple(
            draw(
                st.lists(
                    st.sampled_from([np.float32, np.int64, np.uint32]).flatmap(
                        lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, max_side=3))
                    ),
                    max_size=4,
                )
            )
        ),
    )
    first = draw(st.integers(0, epochs))
    parts = (
        TrainingPart(attempt=1, trainer=TRAINER, epochs=first, optimizer_continued=False),
        TrainingPart(attempt=4, trainer=TRAINER, epochs=epochs - first, optimizer_continued=True),
    )
    return SavedTraining(state=state, parts=parts)


def numbered_weights(number: int) -> Any:
    return tuple(
        tuple(np.full(weight.shape, number, np.float32) for weight in layer.weights)
        for layer in NETWORK.layers
        if layer.weights
    )


def epoch(accuracy: float, loss: float) -> EpochMetrics:
    return EPOCH.model_copy(update={"validation_accuracy": accuracy, "validation_loss": loss})


def saved(state: TrainingState | None = None, **changes: Any) -> SavedTraining:
    zeros = numbered_weights(0)
    state = state or TrainingState(weights=zeros, best_weights=zeros, best_epoch=1, history=(EPOCH,), **changes)
    part = TrainingPart(attempt=1, trainer=TRAINER, epochs=len(state.history), optimizer_continued=False)
    return SavedTraining(state=state, parts=(part,))


@given(states())
def test_a_state_is_read_back_bit_for_bit(before: SavedTraining):
    after = decode_training(encode_training(before), NETWORK, "state")

    assert after.parts == before.parts
    assert (after.state.history, after.state.best_epoch) == (before.state.history, before.state.best_epoch)
    for one, other in (
        (before.state.weights, after.state.weights),
        (before.state.best_weights, after.state.best_weights),
    ):
        for layer, found in zip(one, other, strict=True):
            for array, read in zip(layer, found, strict=True):
                np.testing.assert_array_equal(array, read)
                assert read.dtype == np.float32
    for array, read in zip(before.state.optimizer, after.state.optimizer, strict=True):
        assert (array.dtype, array.shape, array.tobytes()) == (read.dtype, read.shape, read.tobytes())


def test_equal_states_have_equal_bytes():
    assert encode_training(saved()) == encode_training(saved())


@given(st.data())
def test_damaged_bytes_are_refused_or_read_as_they_were_and_nothing_else_happens(data: st.DataObject):
    encoded = bytearray(encode_training(saved(optimizer=(np.arange(3),))))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    encoded = encoded[: data.draw(st.integers(0, len(encoded)))]

    with contextlib.suppress(CheckpointError):
        decode_training(bytes(encoded), NETWORK, "the state")


@given(st.lists(st.tuples(st.sampled_from([0.5, 0.75, 1.0]), st.sampled_from([0.0, 0.1, 2.0])), min_size=1), st.data())
def test_the_best_epoch_is_the_most_accurate_and_among_equals_that_of_the_lowest_loss(
    epochs: list[tuple[float, float]], data: st.DataObject
):
    interrupted_after = data.draw(st.integers(0, len(epochs)))
    state = TrainingState(weights=numbered_weights(0), best_weights=numbered_weights(0))

    for number, (accuracy, loss) in enumerate(epochs, 1):
        state = state.followed_by(epoch(accuracy, loss), numbered_weights(number), ())
        if number == interrupted_after:
            state = decode_training(encode_training(saved(state)), NETWORK, "state").state

    best = 1 + min(range(len(epochs)), key=lambda place: (-epochs[place][0], epochs[place][1]))
    assert state.best_epoch == best
    assert state.best_weights[0][0][0, 0] == best


def test_a_state_whose_best_epoch_an_earlier_version_chose_by_accuracy_alone_goes_on():
    earlier = TrainingState(
        weights=numbered_weights(2),
        best_weights=numbered_weights(1),
        best_epoch=1,
        history=(epoch(0.75, 1.0), epoch(0.75, 0.1)),
    )

    state = decode_training(encode_training(saved(earlier)), NETWORK, "state").state

    # The weights of its second epoch are gone, so what comes is compared with the first.
    assert state.followed_by(epoch(0.75, 1.0), numbered_weights(3), ()).best_epoch == 1
    assert state.followed_by(epoch(0.75, 0.5), numbered_weights(3), ()).best_epoch == 3


def test_a_state_of_another_network_is_refused():
    other = Architecture(layers=(Flatten(), Dense(units=4), Dense(units="classes", activation="softmax"))).resolve(
        input_shape=(2, 2, 1), classes=2
    )

    with pytest.raises(CheckpointError, match=r"the state does not fit the network: it has float32 of shape \(4, 3\)"):
        decode_training(encode_training(saved()), other, "the state")


def test_weights_that_are_no_numbers_are_refused():
    state = saved().state
    broken = tuple(tuple(array + np.float32(np.nan) for array in layer) for layer in state.weights)

    with pytest.raises(CheckpointError, match="NaN or infinite weights"):
        decode_training(encode_training(replace(saved(), state=replace(state, weights=broken))), NETWORK, "the state")


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (b"{}", "history: field required"),
        (b"no json", "invalid JSON"),
        (b'{"protocol": 2}', "protocol"),
    ],
)
def test_a_header_that_is_not_ours_is_refused(header: bytes, sentence: str):
    names = ("header", *(f"weights-{number}" for number in range(4)))
    found = read_npz(io.BytesIO(encode_training(saved())), "state", names)
    found["header"] = np.frombuffer(header, dtype=np.uint8)

    with pytest.raises(CheckpointError, match=sentence):
        decode_training(write_npz(found), NETWORK, "the state")


def test_parts_that_do_not_add_up_to_the_history_are_refused():
    part = TrainingPart(attempt=1, trainer=TRAINER, epochs=2, optimizer_continued=False)

    with pytest.raises(ValueError, match="its parts have 2 epochs, its history 1"):
        encode_training(replace(saved(), parts=(part,)))
