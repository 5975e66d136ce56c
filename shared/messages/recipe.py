"""How members are trained: optimizer, epochs, batch size, augmentation; the same for all members of a run."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from deepchord.shared.validation import ExtendedMessage, Share, shortened

Optimizer = Literal["nadam", "adam", "adamw", "lion", "sgd", "rmsprop", "adagrad"]
Schedule = Literal["constant", "one_cycle", "cosine", "step", "exponential", "reduce_on_plateau"]
Precision = Literal["float32", "bfloat16"]
#: How the members' validation images are chosen, see `Recipe.splits`.
Splits = Literal["random", "rotating"]
#: The weight decay of `adamw` where a recipe says none: that of Keras.
ADAMW_WEIGHT_DECAY = 0.004
_MAX_CLASS_WEIGHT = 1e6
_Epochs = Annotated[int, Field(ge=1, le=100_000)]


def _class_weights(given: object) -> object:
    """Return weights with texts as keys, for in Python a class may be given by its number; refuse what are none."""
    if given is None or given == "balanced":
        return given
    if not isinstance(given, Mapping):
        raise ValueError('expected "balanced", or a table of weights by the names or indices of classes')
    for key, weight in given.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= _MAX_CLASS_WEIGHT:
            raise ValueError(f"the weight of class {shortened(key)} must be a number of at least 0")
    return {str(key): weight for key, weight in given.items()}


#: `balanced`: in inverse proportion to the number of images. A table: by the names of classes, or by their indices.
ClassWeights = Annotated[Literal["balanced"] | dict[str, float], BeforeValidator(_class_weights)]


class Recipe(ExtendedMessage):
    """How one member is trained."""

    added_fields: ClassVar = (
        *("momentum", "nesterov", "global_clipnorm"),
        *("warmup_epochs", "decay_factor", "decay_epochs", "plateau_patience", "min_learning_rate"),
        *("stratify", "class_weights", "rotation", "zoom", "brightness", "contrast", "noise", "random_erasing"),
        *("rand_augment", "rand_augment_magnitude", "mixup", "cutmix", "feature_noise", "beta_nll"),
    )

    #: `adamw` is `adam` with a weight decay of 0.004 where none is given.
    optimizer: Optimizer
    #: Of `sgd`: how much of the last step is taken again (Polyak 1964), and whether the gradient counts as if that had
    #: been taken already (Nesterov 1983).
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    nesterov: bool = False
    #: The largest norm of all gradients of a step together: larger ones are scaled down to it (Pascanu et al. 2013).
    #: 0: any.
    global_clipnorm: Annotated[float, Field(ge=0.0, le=1e6)] = 0.0
    #: The highest rate of every schedule.
    learning_rate: Annotated[float, Field(gt=0.0, le=10.0)]
    #: `one_cycle` rises to the learning rate and then falls to 0, step by step (Smith and Topin 2017). The others fall:
    #: `cosine` along half a cosine (Loshchilov and Hutter 2017), `step` by `decay_factor` every `decay_epochs`,
    #: `exponential` by as much, but evenly, `reduce_on_plateau` by it when the validation loss does not fall.
    schedule: Schedule = "constant"
    #: For so many epochs, or a fraction of one, the rate first rises evenly from 0; then the schedule begins.
    warmup_epochs: Annotated[float, Field(ge=0.0, le=100_000.0)] = 0.0
    decay_factor: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    decay_epochs: _Epochs = 10
    #: Of `reduce_on_plateau`: for how many epochs the validation loss has not fallen before the rate does.
    plateau_patience: _Epochs = 5
    #: After the warm-up no schedule falls below this rate.
    min_learning_rate: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    batch_size: Annotated[int, Field(ge=1, le=65536)]
    #: The largest number of passes over the member's training split.
    epochs: _Epochs
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
    #: Of a regression: 0 learns by the likelihood alone, which gives rows with a large variance little weight; up to 1
    #: all rows count more alike (beta-NLL, Seitzer et al. 2022, eq. 5; they recommend 0.5).
    beta_nll: Share = 0.0
    #: The share of the target probability that is spread evenly over all classes (Szegedy et al. 2016, section 7).
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    #: Each step subtracts from every kernel this share of it, times the learning rate (Loshchilov and Hutter 2019).
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    #: How much the training images of each class count. A class that a table leaves out has the weight 1. None: all do.
    class_weights: ClassWeights | None = None
    #: Whether training images are mirrored horizontally at random.
    flip: bool = False
    #: The most pixels by which training images are shifted at random, in each direction.
    shift: Annotated[int, Field(ge=0, le=64)] = 0
    #: The side, in pixels, of a square that is set to 0 at a random place in each training image; it may cross edges.
    cutout: Annotated[int, Field(ge=0, le=64)] = 0
    #: The most degrees by which training images are rotated at random, to either side.
    rotation: Annotated[float, Field(ge=0.0, le=180.0)] = 0.0
    #: The largest share by which training images are magnified or made smaller at random.
    zoom: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    #: What is at most added to or taken from all values of a training image, as a share of the values' range.
    brightness: Share = 0.0
    #: By which share the differences from an image's mean are at most made larger or smaller.
    contrast: Share = 0.0
    #: The standard deviation of the normal noise that is added to each value, as a share of the values' range.
    noise: Share = 0.0
    #: In half of the training images a rectangle is filled with random values; it has a share of the image's area
    #: between these two (Zhong et al. 2020). None: in no image.
    random_erasing: tuple[Share, Share] | None = None
    #: How many operations are drawn for each training image, and how strongly they change it (Cubuk et al. 2020).
    rand_augment: Annotated[int, Field(ge=0, le=16)] = 0
    rand_augment_magnitude: Annotated[float, Field(ge=0.0, le=10.0)] = 5.0
    #: Images and labels are mixed with those of another one, in shares from Beta(alpha, alpha): all values (`mixup`,
    #: Zhang et al. 2018), or a rectangle (`cutmix`, Yun et al. 2019). With both, each batch draws one. 0: not at all.
    mixup: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0
    cutmix: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0
    #: The standard deviation of the normal noise that is added to each feature, for rows of floats.
    feature_noise: Annotated[float, Field(ge=0.0, le=1e6)] = 0.0

    @model_validator(mode="before")
    @classmethod
    def _decay_with_adamw(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("optimizer") == "adamw" and "weight_decay" not in data:
            return {**data, "weight_decay": ADAMW_WEIGHT_DECAY}
        return data

    @model_validator(mode="after")
    def _check_options(self) -> "Recipe":
        if self.optimizer != "sgd" and (self.momentum or self.nesterov):
            raise ValueError(f"momentum and nesterov are options of sgd, but the optimizer is {self.optimizer}")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum, such as 0.9")
        if self.schedule == "one_cycle" and self.warmup_epochs:
            raise ValueError("warmup_epochs is for the other schedules: one_cycle rises by itself")
        if self.warmup_epochs >= self.epochs and self.warmup_epochs:
            raise ValueError(f"warmup_epochs is {self.warmup_epochs:g}, which must be less than epochs, {self.epochs}")
        if self.min_learning_rate > self.learning_rate:
            raise ValueError(f"min_learning_rate is {self.min_learning_rate:g}, above learning_rate")
        if self.random_erasing is not None and not self.random_erasing[0] <= self.random_erasing[1] > 0:
            raise ValueError("random_erasing is a smaller and a larger share of the area, such as [0.02, 0.3]")
        return self
