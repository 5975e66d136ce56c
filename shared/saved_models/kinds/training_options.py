"""What options of layers say of their training alone: penalties are kept, and what else there is is told."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from deepchord.shared.command_line import label
from deepchord.shared.saved_models.kinds.converted import Converted
from deepchord.shared.saved_models.options import Options, as_number

#: Layers that change images in training.
AUGMENTING = frozenset(
    {
        *("RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomContrast", "RandomBrightness"),
    }
)
#: Layers that do nothing in predictions, and that deepchord does not train with.
TRAINING_ONLY = AUGMENTING | {"GaussianDropout", "AlphaDropout", "ActivityRegularization"}
#: Where a layer names the penalty on its only kernel, in all versions of Keras.
_PENALTIES = ("kernel_regularizer", "depthwise_regularizer", "W_regularizer")
_PENALTY_KINDS = ("L1", "L2", "L1L2", "WeightRegularizer")
_LEFT_OUT = (
    *("noise_shape", "pointwise_regularizer", "bias_regularizer", "beta_regularizer", "gamma_regularizer"),
    *("activity_regularizer", "kernel_constraint", "depthwise_constraint", "pointwise_constraint", "bias_constraint"),
    *("beta_constraint", "gamma_constraint"),
)
_MOST = 1000.0


def penalized(options: Options, made: Converted) -> Converted:
    """Return a converted layer with the penalty that the layer of Keras has on its kernel."""
    found = _penalty(options)
    if found is None or not any(found) or not _takes_penalty(options, made):
        return made
    return replace(made, layer=made.layer.model_copy(update={"kernel_l1": found[0], "kernel_l2": found[1]}))


def left_out(options: Options) -> Iterator[str]:
    """Yield what is not trained with as the file says, as clauses."""
    kind = label(options.kind)[:60]
    if options.kind in AUGMENTING:
        yield f"has a layer {kind}, which was left out: the recipe augments"
    elif options.kind in TRAINING_ONLY:
        yield f"has a layer {kind}, which was left out: deepchord does not train with it"
    names = [name for name in _LEFT_OUT if options.get(name) is not None]
    given = [name for name in _PENALTIES if options.get(name) is not None]
    if given and (_penalty(options) is None or options.kind == "SeparableConv2D"):
        names += given
    for name in names:
        yield f"has the option {name} in a layer {kind}, which was left out: deepchord does not train with it"


def _penalty(options: Options) -> tuple[float, float] | None:
    """Return the factors of the absolute values and of the squares; None: there are none, or others."""
    found = options.get(*_PENALTIES)
    if not isinstance(found, Mapping) or found.get("class_name", found.get("name")) not in _PENALTY_KINDS:
        return None
    numbers = found.get("config", found)
    factors = [as_number(numbers.get(name) or 0.0) for name in ("l1", "l2")] if isinstance(numbers, Mapping) else []
    known = [factor for factor in factors if factor is not None and 0.0 <= factor <= _MOST]
    return (known[0], known[1]) if len(known) == 2 else None


def _takes_penalty(options: Options, made: Converted) -> bool:
    """Return whether the layer of ours has one kernel, on which there may be a penalty."""
    return "kernel_l2" in type(made.layer).model_fields and options.kind != "SeparableConv2D"
