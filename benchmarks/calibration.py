"""Calibrations of trained runs side by side, and what the test images would say: how the default was chosen.

A run may keep a share of the training images for the calibration, and its members hold out images for their validation:
where it does, both sources can be compared on the same members. The temperature that would be best on the test images
is computed to judge by; it decides nothing in a run. Runs are trained before:

    deepchord train --preset fast --seed 1      # with calibration_fraction = 0.05 in a recipe
    python -m benchmarks.calibration RUN [RUN …] [--storage DIR] [--json FILE]

With --json, the runs of before stay in the file, so that they can be added one after the other.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe
from deepchord.shared.messages import RunSpec, TrainedMember
from deepchord.shared.settings import load_settings
from deepchord.shared.uncertainty import (
    Calibrator,
    expected_calibration_error,
    extrapolate_temperature,
    fit_calibrator,
    fit_temperature,
    negative_log_likelihood,
    score_probabilities,
    with_temperature,
)
from deepchord.shared.uncertainty.confidence_map import fit_confidence_map
from deepchord.worker.evaluation import predict, run_candidates
from deepchord.worker.resources import Resources
from deepchord.worker.training import calibration_images, member_split

Probabilities = NDArray[np.floating[Any]]

#: How often labels are drawn from the probabilities themselves, to see what a perfect calibration's error is.
_DRAWS = 200


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--storage")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    resources = Resources(load_settings(storage=arguments.storage))
    known = json.loads(arguments.json.read_text())["runs"] if arguments.json and arguments.json.exists() else []
    for name in arguments.runs:
        found = measure(resources, resources.store.find(name))
        known = [row for row in known if row["run"] != found["run"]] + [found]
        _print(found)
    if arguments.json:
        result = {"machine": describe("keras", resources.engine.name), "runs": sorted(known, key=_order)}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def measure(resources: Resources, run: RunSpec) -> dict[str, Any]:
    """Return what each calibration gives on the test images of a run."""
    members = _Members(resources, run)
    own, labels = members.on_calibration.mean(axis=0), members.train_labels[members.calibration]
    rows = dict(_rows(members, own, labels))
    best = members.test_scores(with_temperature(members.test, fit_temperature(members.test, members.test_labels)))
    return {
        "run": run.run_id,
        "preset": run.preset,
        "seed": run.seed,
        "members": len(members.on_calibration),
        "calibration_images": len(labels),
        "best_temperature_on_test_images": fit_temperature(members.test, members.test_labels),
        "error_of_a_perfect_calibration": _perfect_error(
            rows.get("calibration images: temperature and map", members.test)
        ),
        "member_loss_on_images_that_chose_its_epoch": float(np.mean(members.validation_losses)),
        "member_loss_on_other_images": float(
            np.mean([negative_log_likelihood(each, labels) for each in members.on_calibration])
        )
        if len(labels)
        else None,
        "scores": {"best temperature on test images": best}
        | {name: members.test_scores(probabilities) for name, probabilities in rows.items()},
    }


class _Members:
    """What the members of a run say of test images, calibration images, and of those that each held out."""

    def __init__(self, resources: Resources, run: RunSpec) -> None:
        dataset, store, classes = resources.dataset(run.dataset), resources.store, run.dataset.classes
        self.train_labels, self.test_labels = dataset.y_train, dataset.y_test
        self.calibration = calibration_images(run, dataset.y_train)
        trained = [each.member for each in store.records(run.run_id, run.members)]
        candidates = run_candidates(
            store,
            run,
            [member for member in trained if isinstance(member, TrainedMember)],
            lambda member: member_split(run, member, dataset.y_train).validation,
        )
        on_test, on_calibration, self.validation_losses = [], [], []
        #: By halves, as the evaluation keeps them: [2, training images, classes], and how many members they are of.
        self.sums = np.zeros((2, len(dataset.y_train), classes))
        self.counts = np.zeros((2, len(dataset.y_train)), dtype=np.int64)
        for candidate in candidates:
            network = resources.engine.build(candidate.network)
            network.set_weights(candidate.weights())
            assert candidate.held_out is not None  # noqa: S101  a run's candidates have splits
            held_out = candidate.held_out()
            on_test.append(predict(network, dataset.x_test, classes))
            on_calibration.append(predict(network, dataset.x_train[self.calibration], classes))
            of_validation = predict(network, dataset.x_train[held_out], classes)
            self.validation_losses.append(negative_log_likelihood(of_validation, dataset.y_train[held_out]))
            half = np.where(self.counts[0, held_out] > self.counts[1, held_out], 1, 0)
            self.sums[half, held_out] += of_validation
            self.counts[half, held_out] += 1
        self.test: Probabilities = np.mean(on_test, axis=0)
        self.on_calibration: Probabilities = np.array(on_calibration)

    def test_scores(self, probabilities: Probabilities) -> dict[str, float]:
        """Return accuracy, loss and errors on the test images."""
        scores = score_probabilities(probabilities, self.test_labels)
        return {name: estimate["value"] for name, estimate in scores.model_dump().items()}


def _rows(members: _Members, own: Probabilities, labels: NDArray[np.integer[Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the calibrated probabilities of the test images, by the name of the calibration."""
    yield "uncalibrated", members.test
    if len(labels):
        yield from _on_images_of_their_own(members, own, labels)
    yield from _out_of_bag(members)


def _on_images_of_their_own(
    members: _Members, own: Probabilities, labels: NDArray[np.integer[Any]]
) -> Iterator[tuple[str, Any]]:
    temperature = fit_temperature(own, labels)
    yield "calibration images: temperature", with_temperature(members.test, temperature)
    yield "calibration images: temperature and map", _with_map(own, labels, temperature)(members.test)
    chosen = fit_calibrator(own, labels).calibrator
    yield "calibration images: chosen by cross-validation", chosen(members.test)
    for name, fit in (("vector scaling", _vector_scaling), ("Dirichlet", _dirichlet)):
        yield f"calibration images: {name}", fit(own, labels)(members.test)


def _out_of_bag(members: _Members) -> Iterator[tuple[str, Any]]:
    images = np.flatnonzero(members.counts.any(axis=0))
    by_two = np.flatnonzero(members.counts.all(axis=0))
    for name, chosen in (("one or more", images), ("two or more", by_two)):
        if len(chosen) < 2_000:
            continue
        counts = members.counts[:, chosen]
        mean = members.sums[:, chosen].sum(axis=0) / counts.sum(axis=0)[:, None]
        labels = members.train_labels[chosen]
        fitted = fit_temperature(mean, labels)
        yield f"out of bag, {name} members: temperature", with_temperature(members.test, fitted)
        mapped = _with_map(mean, labels, fitted)
        yield f"out of bag, {name} members: temperature and map", mapped(members.test)
        if chosen is by_two:
            halves = [fit_temperature(members.sums[half, chosen] / counts[half][:, None], labels) for half in range(2)]
            sizes = 1 / float((1 / counts).mean()), 1 / float((1 / counts.sum(axis=0)).mean())
            wanted = extrapolate_temperature(
                fitted,
                (sizes[1], len(members.on_calibration)),
                of_parts=(float(np.mean(halves)), fitted),
                parts=sizes,
            )
            yield f"out of bag, {name} members: extrapolated", with_temperature(members.test, wanted)
            both = Calibrator(temperature=wanted, confidence_map=mapped.confidence_map)
            yield f"out of bag, {name} members: extrapolated, and map", both(members.test)


def _with_map(probabilities: Probabilities, labels: NDArray[np.integer[Any]], temperature: float) -> Calibrator:
    fitted = fit_confidence_map(with_temperature(probabilities, temperature), labels)
    return Calibrator(temperature=temperature, confidence_map=fitted)


def _vector_scaling(
    probabilities: Probabilities, labels: NDArray[np.integer[Any]]
) -> Callable[[Probabilities], Probabilities]:
    """Fit a factor and an offset for each class (Guo et al. 2017, section 4.2)."""
    from scipy.optimize import minimize

    classes, logarithms = probabilities.shape[1], _logarithms(probabilities)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scaled = _softmax(logarithms * values[:classes] + values[classes:])
        error = scaled.copy()
        error[np.arange(len(labels)), labels] -= 1
        error /= len(labels)
        gradient = np.concatenate([(error * logarithms).sum(axis=0), error.sum(axis=0)])
        return negative_log_likelihood(scaled, labels), gradient

    found = minimize(loss, np.concatenate([np.ones(classes), np.zeros(classes)]), jac=True, method="L-BFGS-B").x
    return lambda given: _softmax(_logarithms(given) * found[:classes] + found[classes:])


def _dirichlet(
    probabilities: Probabilities, labels: NDArray[np.integer[Any]]
) -> Callable[[Probabilities], Probabilities]:
    """Fit a matrix and an offset to the logarithms (Kull et al. 2019), with scikit-learn's usual penalty."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=5_000).fit(_logarithms(probabilities), labels)
    return lambda given: np.asarray(model.predict_proba(_logarithms(given)))


def _perfect_error(probabilities: Probabilities) -> list[float]:
    """Return mean, 2.5 % and 97.5 % of the calibration error with labels that are drawn from the probabilities."""
    generator, sums = np.random.default_rng(0), probabilities.astype(np.float64).cumsum(axis=1)
    errors = [
        expected_calibration_error(
            probabilities, (sums > generator.random((len(sums), 1)) * sums[:, -1:]).argmax(axis=1)
        )
        for _ in range(_DRAWS)
    ]
    return [float(np.mean(errors)), *map(float, np.quantile(errors, (0.025, 0.975)))]


def _logarithms(probabilities: Probabilities) -> NDArray[np.float64]:
    return np.log(np.clip(probabilities.astype(np.float64), 1e-7, 1.0))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _order(row: dict[str, Any]) -> tuple[str, int, int]:
    return row["preset"], row["seed"], row["members"]


def _print(found: dict[str, Any]) -> None:
    print(f"{found['preset']}, seed {found['seed']}, {found['members']} members ({found['run']})")
    for name, scores in found["scores"].items():
        print(
            f"  {name:52} {scores['accuracy']:.2%}  loss {scores['negative_log_likelihood']:.5f}  "
            f"calibration error {scores['expected_calibration_error']:.2%}"
        )
    low, high = found["error_of_a_perfect_calibration"][1:]
    print(f"  a perfect calibration's error, by chance: {low:.2%} to {high:.2%}")
    chose, others = found["member_loss_on_images_that_chose_its_epoch"], found["member_loss_on_other_images"]
    of_others = "" if others is None else f", on others {others:.5f}"
    print(f"  a member's loss on the images that chose its epoch {chose:.5f}{of_others}")


if __name__ == "__main__":
    main()
