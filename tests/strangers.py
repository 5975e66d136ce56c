"""What lies around in other people's folders and environments, and what tells that some of it was used."""

import importlib.metadata
import sys
from collections.abc import Iterable
from pathlib import Path

_TRAP = """
import os
with open({mark!r}, "a") as mark:
    mark.write({name!r} + "\\n")
raise ImportError("the stranger's {name} was imported")
"""
#: Files that some program or other takes its configuration from when it finds them in the current folder.
_CONFIGURATIONS = {
    "matplotlibrc": "# Größe\nbackend: nowhere\ntext.usetex: True\nfont.size: 60\n",
    ".env": "DEEPCHORD_BROKER=redis://nowhere:1/0\nDEEPCHORD_WORKERS=7\n",
    "settings.toml": "workers = 7\n",
    "setup.cfg": "[celery]\nbroker_url = redis://nowhere:1/0\n",
    "pyproject.toml": "[tool.deepchord]\nbroker = 'redis://nowhere:1/0'\n",
    "keras.json": '{"backend": "nowhere", "image_data_format": "channels_first", "floatx": "float16"}',
    "pyvenv.cfg": "home = /nowhere\n",
}


class StrangersFolder:
    """A folder with a module for every name that is imported anywhere, each of which leaves a mark and fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mark = folder / "imported-here"
        for name in self.names():
            trap = _TRAP.format(mark=str(self._mark), name=name)
            (folder / f"{name}.py").write_text(trap)
        for name, text in _CONFIGURATIONS.items():
            (folder / name).write_text(text, encoding="latin-1")  # which no reader of UTF-8 takes

    @staticmethod
    def names() -> Iterable[str]:
        """Return the names: of Python's own modules, of what is installed, of configurations, and of our own."""
        found = {*sys.stdlib_module_names, *importlib.metadata.packages_distributions()}
        ours = {"shared", "worker", "coordinator", "deepchord"}
        configurations = {"celeryconfig", "flowerconfig", "sitecustomize", "usercustomize", "conftest", "settings"}
        return sorted(name for name in found | ours | configurations if name.isidentifier())

    def imported(self) -> list[str]:
        """Return what was imported from here."""
        return self._mark.read_text().splitlines() if self._mark.exists() else []


#: Variables with which the environment would take over what deepchord was given, or stop it.
STRANGERS_ENVIRONMENT = {
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/5",
    "CELERY_BROKER_READ_URL": "redis://127.0.0.1:1/5",
    "CELERY_BROKER_WRITE_URL": "redis://127.0.0.1:1/5",
    "CELERY_RESULT_BACKEND": "db+sqlite:///results.db",
    "CELERY_CONFIG_MODULE": "celeryconfig",
    "CELERY_LOADER": "nowhere:Loader",
    "CELERY_CUSTOM_WORKER_POOL": "nowhere:Pool",
    "CELERY_TRACE_APP": "1",
    "CELERY_RDBSIG": "1",
    "CELERY_LOG_LEVEL": "loud",
    "CELERY_LOG_FILE": "/nowhere/%i.log",
    "CELERY_BENCH_EVERY": "often",
    "APP": "strange.app",
    "BROKER_URL": "redis://127.0.0.1:1/5",
    "RESULT_BACKEND": "redis://127.0.0.1:1/5",
    "LOADER": "nowhere",
    "CONFIG_MODULE": "celeryconfig",
    "AUTOSCALE_KEEPALIVE": "long",
    "PICKLE_PROTOCOL": "new",
    "C_STRICT_APP": "1",
    "C_WNOCONF": "perhaps",
    "C_BENCH_EVERY": "often",
    "EVENTLET_NOBLOCK": "no",
    "REMAP_SIGTERM": "SIGNOTHING",
    "FORKED_BY_MULTIPROCESSING": "1",
    "MP_MAIN_FILE": "/nowhere/main.py",
    "_MP_FORK_LOGLEVEL_": "loud",
    "DJANGO_SETTINGS_MODULE": "strange.settings",
    "DJANGO_PROJECT_DIR": "",
    "KOMBU_LOG_DEBUG": "1",
    "KOMBU_DISABLE_LIMIT_PROTECTION": "1",
    "FLOWER_PORT": "1",
    "FLOWER_ADDRESS": "0.0.0.0",
    "FLOWER_URL_PREFIX": "strange",
    "FLOWER_UNIX_SOCKET": "flower.sock",
    "FLOWER_BASIC_AUTH": "admin:admin",
    "FLOWER_READ_ONLY": "false",
    "FLOWER_CONF": "flowerconfig.py",
    "FLOWER_UNAUTHENTICATED_API": "true",
    "PROMETHEUS_MULTIPROC_DIR": "/nowhere/at/all",
    "MPLBACKEND": "nowhere",
    "TERMINAL_WIDTH": "wide",
    "_DEEPCHORD_COMPLETE": "source_bash",
}
