"""Packages of npm, which some tests put into a page."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from base64 import b64encode
from collections.abc import Callable, Iterable
from pathlib import Path


def fetch_package(
    package: str, sha512: str, files: Iterable[str], folder: Path, require: Callable[[str, object], None]
) -> Path:
    """Write some files of a package into a folder, and return it; npm keeps the package in its own cache.

    Args:
        package: Its name and version, `axe-core@4.0.0`.
        sha512: Of its archive, in base 64.
        files: Their paths in the package.
        folder: Where to; it is there.
        require: Skips the test, or fails it in CI, where there is no npm or no registry.
    """
    npm = shutil.which("npm", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    require(f"npm, which fetches {package}", npm)
    fetch = [str(npm), "pack", "--loglevel=error", "--prefer-offline", package]
    fetched = subprocess.run(fetch, cwd=folder, capture_output=True, text=True, check=False)
    require(f"{package} from npm; it said {fetched.stderr[:100]!r}", fetched.returncode == 0)
    (archive,) = folder.glob("*.tgz")
    assert b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == sha512
    with tarfile.open(archive) as opened:
        for name in files:
            file = opened.extractfile(f"package/{name}")
            assert file is not None
            (folder / Path(name).name).write_bytes(file.read())
    return folder
