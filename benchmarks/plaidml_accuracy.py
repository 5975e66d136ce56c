"""One member of the notebook's network on a few thousand images: what accuracy an engine reaches with given seeds.

Run in each environment, the lines can be laid side by side: split, starting weights and order of the images are the
same on every engine; dropout masks are not.

    python -m benchmarks.plaidml_accuracy --engine tensorflow [--device ID] [--images 6000] [--epochs 12] [--seed 1]
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from deepchord.shared.datasets import Places, find_dataset
from deepchord.shared.host import ENGINES
from deepchord.shared.messages import MemberSeeds, Recipe
from deepchord.shared.network import notebook_architecture
from deepchord.shared.settings import keras_home, load_settings
from deepchord.worker.engines import open_configured_engine
from deepchord.worker.evaluation import predict, score
from deepchord.worker.training import Observer, TrainingSetup, TrainingState, train


class _Log(Observer):
    def epoch(self, state: TrainingState) -> None:
        last = state.history[-1]
        sys.stderr.write(
            f"epoch {len(state.history):2}  train loss {last.train_loss:.4f}  validation accuracy "
            f"{last.validation_accuracy:.4f}  {last.duration_s:.1f} s\n"
        )


def main() -> None:
    """Train, predict the test images, and print one line of JSON."""
    arguments = _arguments()
    settings = load_settings(engine=arguments.engine, device=arguments.device)
    engine = open_configured_engine(settings)
    whole = find_dataset("fashion", Places(keras_home=keras_home()))
    rows = slice(0, arguments.images)
    dataset = replace(whole, x_train=whole.x_train[rows], y_train=whole.y_train[rows])
    classes = len(dataset.class_names)
    seeds = np.random.SeedSequence(arguments.seed).generate_state(4)
    started = time.monotonic()
    network, trained = train(
        engine,
        TrainingSetup(
            architecture=notebook_architecture().resolve(input_shape=dataset.x_train.shape[1:], classes=classes),
            recipe=_recipe(arguments.epochs, arguments.validation_fraction),
            seeds=MemberSeeds(
                split=int(seeds[0]), initialization=int(seeds[1]), shuffling=int(seeds[2]), dropout=int(seeds[3])
            ),
            dataset=dataset,
        ),
        _Log(),
    )
    seconds = time.monotonic() - started
    tested = slice(0, arguments.test_images)
    test = score(predict(network, dataset.x_test[tested], classes), dataset.y_test[tested])
    result = {
        "engine": engine.version,
        "device": engine.device.id,
        "seed": arguments.seed,
        "validation_accuracy": [metrics.validation_accuracy for metrics in trained.history],
        "best_epoch": trained.best_epoch,
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "seconds": seconds,
    }
    print(json.dumps(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result) + "\n")


def _recipe(epochs: int, validation_fraction: float) -> Recipe:
    return Recipe(
        optimizer="nadam",
        learning_rate=0.002,
        batch_size=128,
        epochs=epochs,
        validation_fraction=validation_fraction,
        patience=epochs,
    )


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, required=True)
    parser.add_argument("--device")
    parser.add_argument("--images", type=int, default=6000, help="how many of the training images")
    parser.add_argument("--test-images", type=int, default=2000)
    parser.add_argument("--validation-fraction", type=float, default=0.2)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
