"""OpenCL on the processor, through PoCL, as PlaidML takes it: for a GPU, and compiled for in half the time."""

import ctypes.util
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

_LAYER = Path(__file__).parent / "opencl" / "processors_as_gpus.c"
_VENDOR = Path("/etc/OpenCL/vendors/pocl.icd")
_SHARE = Path("/usr/share/pocl")
#: Declarations that no kernel of PlaidML needs: of images, of types that it does not compute with, of conversions that
#: round or saturate.
_NEEDLESS = re.compile(
    r"\b(half|double)\d*\b|\b(u?(char|short|int|long)|float)(2|3|16)\b|\bimage\d|_rt[ezpn]\b|_sat(_|\b)|\bpipe\b"
)


@pytest.fixture(scope="session")
def opencl(require: Callable[[str, object], None], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables with which PlaidML has an OpenCL device."""
    folder = tmp_path_factory.mktemp("opencl")
    require("a C compiler (gcc)", shutil.which("gcc"))
    require("the headers of OpenCL (opencl-c-headers)", Path("/usr/include/CL/cl_layer.h").exists())
    require("PoCL (pocl-opencl-icd)", _VENDOR.exists())
    require("libOpenCL.so (ocl-icd-opencl-dev)", ctypes.util.find_library("OpenCL"))
    layer = folder / "layer.so"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", layer, _LAYER], check=True)
    return {"OPENCL_LAYERS": str(layer), **_with_fewer_declarations(folder)}


def _with_fewer_declarations(folder: Path) -> dict[str, str]:
    """Let PoCL read a shorter header of OpenCL C: with each kernel it reads it anew, which takes half of the time.

    PoCL finds its files from where its library lies. Where it has others than in Debian 12 it is taken as it is.
    """
    libraries = list(Path("/usr/lib").glob("*/libpocl.so.2.*.*"))
    header = _SHARE / "include" / "opencl-c.h"
    if len(libraries) != 1 or not header.exists():
        return {}
    library, share = folder / "lib" / "here" / libraries[0].name, folder / "share" / "pocl"
    for made in (library.parent, share / "include", folder / "vendors"):
        made.mkdir(parents=True)
    shutil.copyfile(libraries[0], library)
    (library.parent / "pocl").symlink_to(libraries[0].with_name("pocl"))
    for file in [*_SHARE.glob("*.bc"), *_SHARE.glob("include/*.h")]:
        (share / file.relative_to(_SHARE)).symlink_to(file)
    (share / "include" / header.name).unlink()
    (share / "include" / header.name).write_text("\n".join(_needed(header.read_text().split("\n"))))
    (folder / "vendors" / _VENDOR.name).write_text(f"{library}\n")
    return {"OCL_ICD_VENDORS": str(folder / "vendors")}


def _needed(lines: list[str]) -> list[str]:
    def is_needed(line: str) -> bool:
        is_declaration = line.rstrip().endswith(";") and not line.lstrip().startswith(("#", "typedef"))
        return not (is_declaration and _NEEDLESS.search(line))

    return [line for line in lines if is_needed(line)]
