"""Finds PlaidML's devices on this host, and configures PlaidML to use them.

PlaidML uses an OpenCL device only if a configuration matches it. This module makes a careful configuration for all
other devices. The user's settings for a device have priority over both.
"""

import ctypes
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepchord.shared.settings import PlaidMLHardware
from deepchord.worker.engines.engine import Device

#: The platform name of PoCL, which is OpenCL on the processor. In the tests PoCL looks like a GPU.
_ON_PROCESSOR = "Portable Computing Language"
_LLVM = "llvm_cpu"
#: Memory and registers of a work group that any device has. With registers of 8192 bytes and more, kernels wrote beyond
#: their arrays on PoCL, which crashes the process.
_CAREFUL_MEMORY_BYTES = 32768
_CAREFUL_REGISTERS = 4096

_CL_DEVICE_TYPE_CPU = 1 << 1
_CL_DEVICE_NAME = 0x102B


@dataclass(frozen=True, kw_only=True)
class _Found:
    id: str
    name: str
    #: What the driver reports to PlaidML; empty for llvm_cpu.
    details: Mapping[str, Any]
    #: PlaidML's settings for the device.
    settings: Mapping[str, Any]


def configured_devices(plaidml: Any, hardware: Mapping[str, PlaidMLHardware]) -> tuple[Device, ...]:
    """Configure PlaidML for all possible devices; return them, the best first.

    The user's own configuration of PlaidML (`PLAIDML_CONFIG`, `PLAIDML_CONFIG_FILE`) is used unchanged.

    Args:
        plaidml: The module.
        hardware: Settings for devices; the keys are regular expressions that must match the whole id.
    """
    settings = plaidml.settings
    settings.device_ids = []
    if settings.config is None and settings.config_file is None:
        settings.setup = True
        base = json.loads(_base_config(settings).read_text())
        settings.config = json.dumps(base)
        usable, unmatched = _enumerate(plaidml)
        base["platform"]["hardware_configs"][:0] = list(_entries(usable, unmatched, hardware))
        settings.config = json.dumps(base)
    usable, _ = _enumerate(plaidml)
    return tuple(sorted(map(_device, usable), key=_preference))


def hidden_devices() -> tuple[str, ...]:
    """Return a sentence for each reason why PlaidML may see fewer devices than there are."""
    try:
        ctypes.CDLL("libOpenCL.so")
    except OSError:
        unversioned = False
    else:
        unversioned = True
    try:
        opencl = ctypes.CDLL("libOpenCL.so.1")
    except OSError:
        return (
            "no OpenCL found (libOpenCL.so.1): install your GPU's driver with OpenCL, "
            "and on Debian and Ubuntu ocl-icd-opencl-dev",
        )
    names = tuple(_processor_names(opencl))
    missing = (
        "PlaidML opens libOpenCL.so, which is missing beside libOpenCL.so.1: on Debian and Ubuntu, "
        "apt install ocl-icd-opencl-dev",
    )
    skipped = tuple(
        f"{name} is a processor, which PlaidML does not use through OpenCL: it has llvm_cpu for it" for name in names
    )
    return (() if unversioned else missing) + skipped


def _base_config(settings: Any) -> Path:
    """Return PlaidML's own configuration: with all devices, or only the tested ones if the user chose that."""
    tested_only = os.environ.get("PLAIDML_EXPERIMENTAL") == "0"
    return Path(settings.default_config if tested_only else settings.experimental_config)


def _enumerate(plaidml: Any) -> tuple[list[_Found], list[_Found]]:
    usable, unmatched = plaidml.devices(plaidml.Context(), limit=100, return_all=True)
    return [_found(device) for device in usable], [_found(device) for device in unmatched]


def _found(device: Any) -> _Found:
    return _Found(
        id=device.id.decode(),
        name=device.description.decode(errors="replace"),
        details=_parsed(device.details),
        settings=_parsed(device.config),
    )


def _parsed(text: bytes | str) -> dict[str, Any]:
    """Return what PlaidML reports as JSON; empty for a device without a report."""
    decoded = text.decode(errors="replace") if isinstance(text, bytes) else text
    return json.loads(decoded) if decoded.strip("\0 \n") else {}


def _entries(
    usable: Iterable[_Found], unmatched: Iterable[_Found], hardware: Mapping[str, PlaidMLHardware]
) -> Iterable[dict[str, Any]]:
    """Yield configurations for the devices that need one, and for those with settings by the user."""
    for found, needed in [*((found, False) for found in usable), *((found, True) for found in unmatched)]:
        given = next((own for pattern, own in hardware.items() if re.fullmatch(pattern, found.id)), None)
        if "name" not in found.details or not (needed or given):
            continue
        settings = careful_settings(found.details)
        if given is not None:
            settings = settings | given.model_dump(exclude_none=True)
        yield {
            "description": f"deepchord's for {found.name}",
            "sel": {"name_regex": _regex(found.details["name"])},
            "settings": settings,
        }


def _regex(name: str) -> str:
    """Return a regular expression for a device's name; PlaidML puts the vendor in front of it."""
    return f".*{re.sub('[^A-Za-z0-9]', '.', name)}.*"


def careful_settings(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that work on any OpenCL device, for a device that PlaidML is not tuned for.

    On PoCL, vectors wider than 1 computed NaN, and work groups of 64 were twice as fast as groups of one.

    Args:
        details: What the driver reports of the device, with the names of PlaidML's DeviceInfo.
    """
    largest_group = int(details.get("maxWorkGroupSize", 1))
    local_bytes = int(details.get("localMemSize", _CAREFUL_MEMORY_BYTES))
    return {
        "threads": min(64, largest_group),
        "vec_size": 1,
        "use_global": details.get("localMemType") == "Global",
        "mem_width": 64,
        "max_mem": min(local_bytes, _CAREFUL_MEMORY_BYTES),
        "max_regs": _CAREFUL_REGISTERS,
        "goal_groups": max(1, int(details.get("maxComputeUnits", 1))),
        "goal_flops_per_byte": 50,
    }


def _is_processor(details: Mapping[str, Any]) -> bool:
    return _ON_PROCESSOR in str(details.get("platformName", "")) or details.get("type") == "CPU"


def _device(found: _Found) -> Device:
    processor = found.id.startswith(_LLVM) or _is_processor(found.details)
    memory = found.details.get("globalMemSize")
    return Device(
        id=found.id,
        kind="cpu" if processor else "gpu",
        name=found.name,
        memory_bytes=int(memory) if memory is not None else None,
        details={"driver": _driver(found.details), "settings": found.settings} if found.details else {},
    )


def _driver(details: Mapping[str, Any]) -> str:
    return ", ".join(str(details[name]) for name in ("platformName", "version", "driverVersion") if name in details)


def _preference(device: Device) -> tuple[bool, bool, str]:
    """Return a sort key: GPUs first, then processors through OpenCL (measured in docs/plaidml.md), then llvm_cpu."""
    return device.kind == "cpu", device.id.startswith(_LLVM), device.id


def _processor_names(opencl: Any) -> Iterable[str]:
    """Yield the names of the OpenCL devices of type CPU, asked of the driver itself."""
    count = ctypes.c_uint()
    if opencl.clGetPlatformIDs(0, None, ctypes.byref(count)) != 0:
        return
    platforms = (ctypes.c_void_p * count.value)()
    opencl.clGetPlatformIDs(count, platforms, None)
    for platform in platforms:
        kind = ctypes.c_ulong(_CL_DEVICE_TYPE_CPU)
        handle = ctypes.c_void_p(platform)
        if opencl.clGetDeviceIDs(handle, kind, 0, None, ctypes.byref(count)) != 0:
            continue
        devices = (ctypes.c_void_p * count.value)()
        opencl.clGetDeviceIDs(handle, kind, count, devices, None)
        for device in devices:
            name = ctypes.create_string_buffer(256)
            opencl.clGetDeviceInfo(ctypes.c_void_p(device), _CL_DEVICE_NAME, ctypes.c_size_t(256), name, None)
            yield name.value.decode(errors="replace")
