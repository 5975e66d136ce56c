"""The engine for Keras 2.2.4 on PlaidML 0.7.0."""

from deepchord.worker.engines.plaidml.compatibility import import_keras, import_plaidml
from deepchord.worker.engines.plaidml.devices import configured_devices, hidden_devices
from deepchord.worker.engines.plaidml.engine import PlaidMLEngine

__all__ = ["PlaidMLEngine", "configured_devices", "hidden_devices", "import_keras", "import_plaidml"]
