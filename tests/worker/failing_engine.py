"""An engine that fails as it is told, for tests of what happens then."""

from collections.abc import Iterable
from typing import Any

from deepchord.worker.engines import Engine


class FailingEngine:
    """Raises what it is given, in turn, when it builds a network; then works."""

    def __init__(self, engine: Engine, errors: Iterable[Exception]) -> None:
        self._engine = engine
        self._errors = list(errors)
        self.built = 0
        self.name, self.version, self.device, self.devices = engine.name, engine.version, engine.device, engine.devices
        self.precision = engine.precision

    def build(self, *arguments: Any) -> Any:
        self.built += 1
        if self._errors:
            raise self._errors.pop(0)
        return self._engine.build(*arguments)

    def parallel_predictions(self) -> int:
        return self._engine.parallel_predictions()
