"""How members are trained: optimizer, epochs, batch size, augmentation; the same for all members of a run."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from deepchord.shared.validation import Message, Share

Precision = Literal["float32", "bfloat16"]
#: How the members' validation images are chosen, see `Recipe.splits`.
Splits = Literal["random", "rotating"]


class Recipe(Message):
    """How one member is trained."""

    optimizer: Literal["nadam", "adam", "sgd", "rmsprop"]
    #: With the schedule `one_cycle` this is the highest rate.
    learning_rate: Annotated[float, Field(gt=0.0, le=10.0)]
    #: `one_cycle` rises to the learning rate and then falls to 0, step by step (Smith and Topin 2017).
    schedule: Literal["constant", "one_cycle"] = "constant"
    batch_size: Annotated[int, Field(ge=1, le=65536)]
    #: The largest number of passes over the member's training split.
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    #: The share of the training images that each member holds out for its own validation.
    validation_fraction: Annotated[float, Field(gt=0.0, lt=1.0)]
    #: `random`: each member holds out images of its own, drawn at random. `rotating`: the members hold out one fold
    #: after the other, so that every image is held out by some of them.
    splits: Splits = "random"
    #: The share of the training images that no member trains on: the ensemble's probabilities are calibrated on them.
    #: With 0 they are calibrated on the images that members held out.
    calibration_fraction: Annotated[float, Field(ge=0.0, le=0.9)] = 0.0
    #: Whether each class has its share of the images for the calibration and for the validation; otherwise chance
    #: decides, as it did in runs of earlier versions.
    stratify: bool = False
    #: Training stops when the validation loss has not fallen for this many epochs.
    patience: PositiveInt
    #: `bfloat16` multiplies in bfloat16 on devices that are faster with it, else in float32; weights stay float32.
    precision: Precision = "float32"
    #: A factor for the rates of the network's dropout layers.
    dropout_scale: Share = 1.0
    #: The share of the target probability that is spread evenly over all classes (Szegedy et al. 2016, section 7).
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    #: Each step subtracts from every kernel this share of it, times the learning rate (Loshchilov and Hutter 2019).
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    #: Whether training images are mirrored horizontally at random.
    flip: bool = False
    #: The most pixels by which training images are shifted at random, in each direction.
    shift: Annotated[int, Field(ge=0, le=64)] = 0
    #: The side, in pixels, of a square that is set to 0 at a random place in each training image; it may cross edges.
    cutout: Annotated[int, Field(ge=0, le=64)] = 0
