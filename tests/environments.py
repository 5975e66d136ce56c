"""Copies of the sources, and Python environments without deepchord, as people have them who install it."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parent.parent


def copy_sources(folder: Path) -> Path:
    """Copy what an image is built from, links and all, into a new folder; return it.

    What that is .dockerignore tells: the lines that begin with an exclamation mark.
    """
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    folder.mkdir()
    for name in (line[1:] for line in lines if line.startswith("!")):
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy2(source, folder / name)
    return folder


def build_wheel(sources: Path, folder: Path) -> Path:
    """Build the wheel of some sources offline; return its path. The sources' folder has a build folder then."""
    _python(sys.executable, "-m", "pip", "wheel", "-q", *_OFFLINE, "--wheel-dir", folder, sources)
    (wheel,) = folder.glob("*.whl")
    return wheel


def build_source_archive(sources: Path, folder: Path) -> Path:
    """Build the archive of some sources that an index has beside the wheel; return its path."""
    program = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
    _python(sys.executable, "-c", program, folder, cwd=sources)
    (archive,) = folder.glob("*.tar.gz")
    return archive


@dataclass(frozen=True)
class Environment:
    """A virtual environment that has all that is installed here but deepchord."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> "Environment":
        """Create it. The .pth files of the running environment, which make deepchord importable, are not read there."""
        venv.create(folder, symlinks=True, with_pip=False)
        made = cls(folder)
        paths = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
        (made.packages / "third_party.pth").write_text("".join(f"{path}\n" for path in sorted(paths)))
        (folder / "bin" / "celery").write_text(_CELERY)
        return made

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """The folder of what is installed."""
        (folder,) = self.folder.glob("lib/python3*/site-packages")
        return folder

    def install(self, wheel: Path) -> None:
        """Install a wheel, and nothing that it needs."""
        _python(sys.executable, "-m", "pip", "--python", self.python, "install", "-q", *_OFFLINE[:2], wheel)

    def script(self, name: str) -> list[str]:
        """Return the command of a script of the environment."""
        return [str(self.python), str(self.folder / "bin" / name)]


#: What pip makes of Celery's entry point; the main module of a pool's processes must start nothing when it is imported.
_CELERY = """
from celery.__main__ import main

if __name__ == "__main__":
    main()
"""
_OFFLINE = ("--no-deps", "--no-index", "--no-build-isolation")


def _python(*command: str | Path, cwd: Path | None = None) -> None:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
