"""Keras 2.2.4 on PlaidML 0.7.0: Metal, any OpenCL device, and the processor through LLVM."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deepchord.shared.errors import EngineError
from deepchord.shared.messages import Precision, Recipe
from deepchord.shared.network import ResolvedArchitecture, refusal
from deepchord.shared.settings import PlaidMLHardware
from deepchord.worker.engines.engine import Device, find_device
from deepchord.worker.engines.plaidml.compatibility import import_keras, import_plaidml
from deepchord.worker.engines.plaidml.devices import configured_devices
from deepchord.worker.engines.plaidml.network import PlaidMLNetwork


class PlaidMLEngine:
    """PlaidML on one device, which cannot change within a process."""

    name = "plaidml"

    def __init__(self, device: str | None = None, hardware: Mapping[str, PlaidMLHardware] | None = None) -> None:
        """Open PlaidML on a device.

        Args:
            device: Its id; None: the one that `plaidml-setup` chose, else the best.
            hardware: Settings for devices; the keys are regular expressions for their ids.

        Raises:
            EngineError: There is no such device.
        """
        plaidml = import_plaidml()
        chosen_by_setup = tuple(plaidml.settings.device_ids)
        found = configured_devices(plaidml, hardware or {})
        self._devices = tuple(replace(one, is_preferred=one.id in chosen_by_setup) for one in found)
        self._device = _chosen(self._devices, device, chosen_by_setup)
        plaidml.settings.device_ids = [self._device.id]
        self._keras = import_keras()
        self._version = f"keras {self._keras.__version__}, plaidml {_library_version(plaidml)}"

    @property
    def version(self) -> str:
        """Versions of Keras and PlaidML."""
        return self._version

    @property
    def device(self) -> Device:
        """The device that this process trains on."""
        return self._device

    def devices(self) -> tuple[Device, ...]:
        """Return all devices that PlaidML can train on, the best first."""
        return self._devices

    def build(self, architecture: ResolvedArchitecture, recipe: Recipe | None = None) -> PlaidMLNetwork:
        """Return a network, which can be trained if a recipe is given.

        Raises:
            EngineError: PlaidML does not compute a layer of it, or cannot train it so.
        """
        reason = refusal(self.name, architecture, beta_nll=0.0 if recipe is None else recipe.beta_nll)
        if reason is not None:
            raise EngineError(reason)
        return PlaidMLNetwork(self._keras, architecture, recipe)

    def parallel_predictions(self) -> int:
        """Return 1: a device computes one request after another."""
        return 1

    def precision(self, recipe: Recipe) -> Precision:
        """Return float32: PlaidML has no bfloat16."""
        del recipe
        return "float32"


def _chosen(devices: tuple[Device, ...], wanted: str | None, chosen_by_setup: tuple[str, ...]) -> Device:
    if wanted is not None or not chosen_by_setup:
        return find_device("plaidml", devices, wanted)
    try:
        return find_device("plaidml", devices, chosen_by_setup[0])
    except EngineError as error:
        raise EngineError(f"{error} It was chosen by plaidml-setup or PLAIDML_DEVICE_IDS.") from error


def _library_version(plaidml: Any) -> str:
    return str(plaidml._lib().plaidml_get_version().decode())
