"""What a finished ensemble is, in a few lines for people."""

from deepchord.shared.command_line import label
from deepchord.shared.messages import EnsembleDescription


def summarize(description: EnsembleDescription, place: str) -> str:
    """Return a few lines: the run, its members, data, network, scores and calibration.

    Args:
        description: The ensemble.
        place: Where it was loaded from.
    """
    return "\n".join(f"{name:<12}{text}" for name, text in _lines(description, place))


def _lines(description: EnsembleDescription, place: str) -> list[tuple[str, str]]:
    dataset, calibration = description.dataset, description.calibration
    network = dataset.network(description.architecture)
    trained = len(description.members)
    held_out = "images" if dataset.table is None else "rows"
    engines = ", ".join(sorted({member.engine for member in description.members}))
    of = "" if trained == description.requested else f" of {description.requested} requested"
    return [
        ("ensemble", place),
        ("run", f"{description.run_id}, preset {description.preset}, seed {description.seed}"),
        ("members", f"{trained}{of}, trained by {engines}"),
        ("network", f"{len(network.layers)} layers, {network.parameters:,} parameters"),
        _input(description),
        ("classes", ", ".join(map(label, dataset.class_names[:20])) + (" …" if dataset.classes > 20 else "")),
        ("data set", f"{label(dataset.name)}, SHA-256 {dataset.sha256[:12]}…"),
        ("test scores", _scores(description)),
        (
            "calibration",
            "none: probabilities are the mean of the members'"
            if calibration is None
            else f"temperature {calibration.temperature:.3f}"
            + (" and a map of confidence" if calibration.confidence_map else "")
            + f", from {calibration.images:,} {held_out} ({calibration.source.replace('_', ' ')})",
        ),
    ]


def _input(description: EnsembleDescription) -> tuple[str, str]:
    dataset = description.dataset
    if dataset.table is None:
        return "images", f"{'x'.join(map(str, dataset.image_shape))}{_values(description)}"
    names = [label(name) for name in dataset.table.names]
    shown = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
    return (
        "rows",
        f"{len(names)} columns, {dataset.table.features} features: {shown}; target {label(dataset.table.target)}",
    )


def _values(description: EnsembleDescription) -> str:
    pixels = description.dataset.pixels
    if pixels is None:
        return ""
    return f", {pixels.type} from {pixels.lowest:g} to {pixels.highest:g}"


def _scores(description: EnsembleDescription) -> str:
    scores = description.calibrated_test
    if scores is None:
        return f"accuracy {description.test.accuracy:.2%}, negative log-likelihood {description.test.loss:.4f}"
    return (
        f"accuracy {scores.accuracy.value:.2%}, negative log-likelihood {scores.negative_log_likelihood.value:.4f}, "
        f"expected calibration error {scores.expected_calibration_error.value:.2%}"
    )
