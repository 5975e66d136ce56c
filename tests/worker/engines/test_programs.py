"""Compiled programs: each is compiled once on a host, not once for each member."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepchord.shared.host import installed_engines

pytestmark = pytest.mark.slow

#: Says, as JSON, how many programs were found and how many were compiled for a first and for a second member.
SCRIPT = """
import json
from collections import Counter
import numpy as np
from deepchord.shared.network import Architecture
from deepchord.shared.network import Dense, Flatten
from deepchord.shared.messages import Recipe
from deepchord.shared.settings import load_settings
from deepchord.worker.engines import Batch
from deepchord.worker.engines import open_configured_engine
from deepchord.worker.training import initial_weights

engine = open_configured_engine(load_settings(engine="jax", threads=1))
import jax.monitoring
seen = Counter()
jax.monitoring.register_event_listener(lambda name, **_: seen.update([name.rpartition("/")[2]]))
architecture = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))
resolved = architecture.resolve(input_shape=(4, 4, 1), classes=2)
recipe = Recipe(optimizer="nadam", learning_rate=0.1, batch_size=2, epochs=1, validation_fraction=0.2, patience=1)
found = []
for member in range(2):
    seen.clear()
    network = engine.build(resolved, recipe)
    network.set_weights(initial_weights(resolved, member))
    batch = Batch(np.ones((2, 4, 4, 1), np.float32), np.array([0, 1]), 0.1)
    network.train_epoch([batch], dropout_seed=member, on_batch=lambda _: None)
    found.append((seen["cache_hits"], seen["cache_misses"]))
print(json.dumps(found))
"""


def train(cache: Path) -> list[list[int]]:
    # Programs as small as this one would not be worth a file.
    variables = {"DEEPCHORD_CACHE": str(cache), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment | variables, capture_output=True, text=True, check=True
    )
    return json.loads(ended.stdout)


@pytest.fixture(autouse=True)
def _jax(require):
    require("the engine jax", "jax" in installed_engines())


def test_what_jax_compiled_for_one_member_serves_the_next_and_other_processes(tmp_path):
    first, second = train(tmp_path)
    later, _ = train(tmp_path)

    assert first[1] > 0
    assert second[0] > 0
    assert second[1] == 0
    assert later[1] == 0


def test_a_cache_that_others_can_write_is_done_without(tmp_path):
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs").chmod(0o777)

    assert train(tmp_path) == [[0, 0], [0, 0]]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "programs").write_text("no folder")

    assert train(tmp_path) == [[0, 0], [0, 0]]
