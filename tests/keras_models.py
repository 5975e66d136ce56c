"""What Keras 3 itself writes and reads, in a process of its own: its backend is fixed for a process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from deepchord.shared.checkpoints import Weights, encode_checkpoint, weighted_layers
from deepchord.shared.network import notebook_architecture

NOTEBOOK = notebook_architecture().resolve(input_shape=(28, 28, 1), classes=10)

_PROGRAM = """
import sys
import keras
import numpy as np

folder = sys.argv[1]
layers = keras.layers


def notebook():
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.Conv2D(64, 3, activation="relu"),
        layers.Flatten(),
        layers.Dropout(0.25),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ])


def probabilities(model):
    return model.predict(np.random.default_rng(0).random((5, 28, 28, 1), dtype="float32"), verbose=0)


def varied():
    return keras.Sequential([
        keras.Input((8, 8, 2)),
        layers.Conv2D(4, 3, use_bias=False),
        layers.BatchNormalization(scale=False, name="norm"),
        layers.ReLU(),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(3, activation="softmax", name="last one"),
    ])


def residual():
    inputs = keras.Input((8, 8, 2))
    start = layers.Conv2D(4, 3, strides=2, padding="same", activation="elu")(inputs)
    block = layers.Conv2D(4, 3, padding="same")(start)
    values = layers.GlobalAveragePooling2D()(layers.Add()([start, block]))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(values))


def branching():
    inputs = keras.Input((8, 8, 2))
    trunk = layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same", activation="swish", use_bias=False)(inputs)
    trunk = layers.GroupNormalization(2)(layers.LayerNormalization()(trunk))
    wide = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="relu6")(trunk)
    wide = layers.SeparableConv2D(4, 3, dilation_rate=2, padding="same")(wide)
    strong = layers.LeakyReLU(0.1)(layers.MaxPooling2D(3, strides=1, padding="same")(trunk))
    shares = layers.Dense(4, "sigmoid")(layers.GlobalMaxPooling2D()(trunk))
    scaled = layers.Multiply()([strong, layers.Reshape((1, 1, 4))(shares)])
    joined = layers.Concatenate()([wide, layers.Average()([wide, strong]), scaled])
    joined = layers.ReLU(6.0)(layers.ZeroPadding2D(((0, 1), (1, 0)))(joined))
    joined = layers.Rescaling(0.5, 0.1)(layers.UpSampling2D((2, 1))(joined))
    made = layers.Conv2DTranspose(2, 3, strides=2)(layers.Conv2D(4, 1, groups=2)(layers.SpatialDropout2D(0.2)(joined)))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(made)))


def nested():
    # As guides to transfer learning build it: a base that is not trained, and one that computes as in predictions.
    base = keras.Sequential(
        [keras.Input((8, 8, 2)), layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()],
        name="base",
    )
    base.trainable = False
    start = keras.Input((8, 8, 4))
    branch = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(start))
    joined = layers.BatchNormalization()(layers.Add()([start, branch]))
    inner = keras.Model(start, layers.Conv2D(3, 1)(layers.Dropout(0.9)(joined)), name="inner")
    inputs = keras.Input((8, 8, 2))
    middle = keras.Sequential([keras.Input((8, 8, 2)), base, layers.Conv2D(4, 1)], name="middle")
    values = inner(middle(inputs), training=False)
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(values)
    made = layers.Conv2D(3, 1)(layers.Dropout(0.2)(layers.Conv2D(5, 1)(pooled)))
    return keras.Model(inputs, layers.Softmax()(layers.Reshape((3,))(made)))


def standardized():
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(3).normal(5.0, 3.0, (20, 8, 8, 2)))
    numbers = layers.Normalization(mean=[0.5, -1.0], variance=[4.0, 0.25])
    start = [keras.Input((8, 8, 2)), normalization, numbers]
    return keras.Sequential([*start, layers.Flatten(), layers.Dense(3, "softmax")])


def sequences():
    inputs = keras.Input((8, 8, 2))
    steps = layers.Reshape((16, 8))(inputs)
    steps = layers.Conv1D(6, 3, padding="causal", dilation_rate=2, activation="tanh")(steps)
    steps = layers.BatchNormalization(axis=2)(layers.MaxPooling1D(3, strides=2, padding="same")(steps))
    steps = layers.AveragePooling1D(2)(layers.Conv1D(4, 2, groups=2, use_bias=False)(steps))
    joined = layers.Concatenate()([layers.GlobalAveragePooling1D()(steps), layers.GlobalMaxPooling1D()(steps)])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(joined))


def rescaled(scale=1 / 255, offset=0.0):
    return keras.Sequential([
        keras.Input((8, 8, 2)),
        layers.RandomFlip(),
        layers.Rescaling(scale, offset),
        layers.Conv2D(4, 3, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ])


def save(model, name):
    for end in ("keras", "h5", "weights.h5"):
        (model.save_weights if end == "weights.h5" else model.save)(f"{folder}/{name}.{end}")
    with open(f"{folder}/{name}.json", "w") as file:
        file.write(model.to_json())


for name, make in (("varied", varied), ("residual", residual), ("branching", branching), ("nested", nested),
                   ("standardized", standardized), ("sequences", sequences)):
    model = make()
    generator = np.random.default_rng(1)
    if name != "standardized":  # whose numbers are weights
        model.set_weights([generator.uniform(0.1, 1.0, array.shape) for array in model.get_weights()])
    model.compile("adam", "sparse_categorical_crossentropy")
    images = np.random.default_rng(0).random((5, 8, 8, 2), dtype="float32")
    np.save(f"{folder}/{name}.npy", model.predict(images, verbose=0))
    save(model, name)

for name, options in (("rescaled", ()), ("rescaled_by_channel", (np.array([0.00392156863] * 2), [0, 0]))):
    model = rescaled(*options)
    generator = np.random.default_rng(2)
    model.set_weights([generator.normal(0, 0.1, array.shape) for array in model.get_weights()])
    images = generator.integers(0, 256, (5, 8, 8, 2), dtype="uint8")
    np.save(f"{folder}/{name}.images.npy", images)
    np.save(f"{folder}/{name}.npy", model.predict(images, verbose=0))
    save(model, name)

model = notebook()
model.save_weights(f"{folder}/notebook.weights.h5")
np.savez(f"{folder}/keras.npz", *model.get_weights(), probabilities=probabilities(model))
model.save(f"{folder}/whole.hdf5")
read, told = notebook(), notebook()
read.load_weights(f"{folder}/ours.hdf5")
with np.load(f"{folder}/ours.npz") as arrays:
    told.set_weights([arrays[f"arr_{number}"] for number in range(len(arrays.files))])
np.savez(f"{folder}/probabilities.npz", read=probabilities(read), told=probabilities(told))
"""


def small_weights() -> Weights:
    """Weights of the notebook's network, all of them positive or nearly."""
    generator = np.random.default_rng(0)
    return tuple(
        tuple(generator.uniform(-0.08, 0.1, weight.shape).astype(np.float32) for weight in layer.weights)
        for layer in weighted_layers(NOTEBOOK)
    )


def write_models(folder: Path, backend: str) -> Path:
    """Let Keras 3 save models, and read a checkpoint of ours; return the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "ours.hdf5").write_bytes(encode_checkpoint(NOTEBOOK, small_weights()))
    np.savez(folder / "ours.npz", *[array for arrays in small_weights() for array in arrays])
    subprocess.run(
        [sys.executable, "-c", _PROGRAM, folder],
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=True,
        capture_output=True,
    )
    return folder
