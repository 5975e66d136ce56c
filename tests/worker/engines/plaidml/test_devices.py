from collections.abc import Mapping
from typing import Any

import pytest

from deepchord.worker.engines.plaidml.devices import careful_settings

GPU = {"name": "gfx90c", "type": "GPU", "maxWorkGroupSize": "256", "localMemSize": "65536", "maxComputeUnits": 8}
POCL = {
    "name": "pthread",
    "type": "GPU",
    "platformName": "OpenCL: Portable Computing Language",
    "localMemType": "Global",
    "maxWorkGroupSize": "4096",
    "localMemSize": "1048576",
    "maxComputeUnits": 2,
}


@pytest.mark.parametrize("details", [GPU, POCL, {}, {"maxWorkGroupSize": "1", "localMemSize": "1024"}])
def test_careful_settings_ask_for_no_more_than_the_device_has(details: Mapping[str, Any]):
    settings = careful_settings(details)

    assert 1 <= settings["threads"] <= int(details.get("maxWorkGroupSize", 1))
    assert 1 <= settings["max_mem"] <= min(32768, int(details.get("localMemSize", 32768)))
    assert settings["vec_size"] == 1, "wider vectors compute NaN on some devices"
    assert settings["max_regs"] <= 4096, "more was seen to write beyond arrays"


def test_a_gpu_has_groups_of_threads_and_its_own_local_memory():
    settings = careful_settings(GPU)

    assert settings["threads"] > 1
    assert settings["use_global"] is False


def test_local_memory_that_is_global_memory_is_not_copied_to():
    assert careful_settings(POCL)["use_global"] is True
