"""What a finished ensemble is, in a few lines for people."""

from collections.abc import Iterator, Sequence

from deepchord.shared.command_line import label
from deepchord.shared.messages import (
    Calibration,
    DatasetInfo,
    DescribedLabels,
    DescribedRegression,
    EnsembleDescription,
    Target,
)

#: So many classes, columns or numbers are named.
_MOST = 20
#: The level of the intervals that are told of.
_LEVEL = 0.9


def summarize(description: EnsembleDescription, place: str) -> str:
    """Return a few lines: the run, its members, data, network, scores and calibration.

    Args:
        description: The ensemble.
        place: Where it was loaded from.
    """
    return "\n".join(f"{name:<12}{text}" for name, text in _lines(description, place))


def _lines(description: EnsembleDescription, place: str) -> list[tuple[str, str]]:
    dataset = description.dataset
    network = dataset.network(description.architecture)
    trained = len(description.members)
    engines = ", ".join(sorted({member.engine for member in description.members}))
    of = "" if trained == description.requested else f" of {description.requested} requested"
    return [
        ("ensemble", place),
        ("run", f"{description.run_id}, preset {description.preset}, seed {description.seed}"),
        ("members", f"{trained}{of}, trained by {engines}"),
        ("network", f"{len(network.layers)} layers, {network.parameters:,} parameters"),
        _input(description),
        *_predicted(description),
    ]


def _predicted(description: EnsembleDescription) -> list[tuple[str, str]]:
    dataset, found = description.dataset, description.regression
    data = ("data set", f"{label(dataset.name)}, SHA-256 {dataset.sha256[:12]}…")
    if found is not None:
        return [
            ("targets", _listed([target.name for target in dataset.targets])),
            data,
            *_number_scores(dataset.targets, found),
            *_trust(dataset, found),
        ]
    if description.multilabel is not None:
        return [("labels", _listed(dataset.label_names)), data, *_label_scores(dataset, description.multilabel)]
    return [
        ("classes", _listed(dataset.class_names)),
        data,
        ("test scores", _scores(description)),
        ("calibration", _calibration(dataset, description.calibration)),
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(label, names[:_MOST])) + (" …" if len(names) > _MOST else "")


def _calibration(dataset: DatasetInfo, calibration: Calibration | None) -> str:
    if calibration is None:
        return "none: probabilities are the mean of the members'"
    return (
        f"temperature {calibration.temperature:.3f}"
        + (" and a map of confidence" if calibration.confidence_map else "")
        + f", from {calibration.images:,} {_items(dataset)} ({calibration.source.replace('_', ' ')})"
    )


def _label_scores(dataset: DatasetInfo, found: DescribedLabels) -> Iterator[tuple[str, str]]:
    """Yield the scores of all labels together, and the calibration."""
    scores = found.calibrated_test or found.test
    micro = "" if scores.micro_f1 is None else f", micro F1 {scores.micro_f1:.4f}"
    yield (
        "test scores",
        f"exact match {scores.exact_match.value:.2%}, Hamming loss {scores.hamming_loss.value:.2%}{micro}, negative "
        f"log-likelihood {scores.negative_log_likelihood.value:.4f}, calibration error "
        f"{scores.calibration_error.value:.2%}",
    )
    yield "calibration", _calibration(dataset, found.calibration)


def _number_scores(targets: Sequence[Target], found: DescribedRegression) -> Iterator[tuple[str, str]]:
    """Yield the scores of the first targets."""
    for target, scores in list(zip(targets, found.scaled_test or found.test, strict=True))[:_MOST]:
        of = f"{label(target.name)}: " if len(targets) > 1 else ""
        explained = "" if scores.r_squared is None else f", R² {scores.r_squared:.3f}"
        yield (
            "test scores",
            f"{of}root mean squared error {scores.root_mean_squared_error:.4g}{explained}, negative log-likelihood "
            f"{scores.negative_log_likelihood:.4f}",
        )


def _trust(dataset: DatasetInfo, found: DescribedRegression) -> Iterator[tuple[str, str]]:
    """Yield how variances are scaled, and how many test rows the best intervals of 90 % contain."""
    scaling = found.scaling
    if scaling is None:
        yield "scaling", "none: standard deviations are the members' own"
    else:
        factors = ", ".join(f"{factor:.3f}" for factor in scaling.factors[:_MOST])
        yield (
            "scaling",
            f"variances times {factors}, from {scaling.rows:,} {_items(dataset)} ({scaling.source.replace('_', ' ')})",
        )
    # The last method is the best one: conformal where rows were held out.
    shown = [each for each in found.intervals if each.level == _LEVEL][-1:]
    for each in shown:
        held = ", ".join(f"{share:.1%}" for share in each.coverage[:_MOST])
        yield "intervals", f"{each.method}, of {each.level:.0%}: they hold {held} of the test {_items(dataset)}"


def _items(dataset: DatasetInfo) -> str:
    return "images" if dataset.table is None else "rows"


def _input(description: EnsembleDescription) -> tuple[str, str]:
    dataset = description.dataset
    if dataset.table is None:
        return "images", f"{'x'.join(map(str, dataset.image_shape))}{_values(description)}"
    names, targets = dataset.table.names, dataset.table.targets
    of = f"target {label(targets[0])}" if len(targets) == 1 else f"targets {_listed(targets)}"
    return "rows", f"{len(names)} columns, {dataset.table.features} features: {_listed(names)}; {of}"


def _values(description: EnsembleDescription) -> str:
    pixels = description.dataset.pixels
    if pixels is None:
        return ""
    return f", {pixels.type} from {pixels.lowest:g} to {pixels.highest:g}"


def _scores(description: EnsembleDescription) -> str:
    scores, of_mean = description.calibrated_test, description.test
    if scores is None:
        assert of_mean is not None, "it predicts classes"  # noqa: S101  for the type checker
        return f"accuracy {of_mean.accuracy:.2%}, negative log-likelihood {of_mean.loss:.4f}"
    return (
        f"accuracy {scores.accuracy.value:.2%}, negative log-likelihood {scores.negative_log_likelihood.value:.4f}, "
        f"expected calibration error {scores.expected_calibration_error.value:.2%}"
    )
