import re

import numpy as np
import pytest

from deepchord.shared.errors import EngineError
from deepchord.worker.devices import check_device
from deepchord.worker.devices.preflight import REFERENCE
from deepchord.worker.engines import Device


class ScriptedEngine:
    """Gives the probabilities and losses that it is given."""

    name, version = "scripted", "1"
    device = Device(id="gpu:7", kind="gpu", name="A device")

    def __init__(self, probabilities: np.ndarray, losses: tuple[float, ...] = (1.3, 0.9, 0.2)) -> None:
        self._probabilities, self._losses = probabilities, iter(losses)

    def build(self, *_: object) -> "ScriptedEngine":
        return self

    def set_weights(self, weights: object) -> None:
        pass

    def train_epoch(self, *_: object, **__: object) -> tuple[float, float]:
        return next(self._losses), 0.5

    def outputs(self, images: np.ndarray) -> np.ndarray:
        return np.resize(self._probabilities, (len(images), 4))


def test_a_device_that_computes_the_reference_is_accepted():
    check_device(ScriptedEngine(np.array(REFERENCE)))


@pytest.mark.parametrize(
    ("change", "losses", "what"),
    [
        (np.nan, (1.3, 0.9, 0.2), "it computes NaN"),
        (0.0, (1.3, np.nan, np.nan), "it computes NaN"),
        (0.0, (1.3, 1.4, 1.5), "it does not learn: its loss goes from 1.300 to 1.500"),
        (0.01, (1.3, 0.9, 0.2), "its probabilities are off by 0.01"),
    ],
)
def test_a_device_that_computes_something_else_is_refused_by_name(change, losses, what):
    with pytest.raises(EngineError, match=re.escape(what)) as refused:
        check_device(ScriptedEngine(np.array(REFERENCE) + change, losses))

    assert "Device gpu:7 of scripted (1) is refused" in str(refused.value)
    assert "deepchord devices" in str(refused.value)
