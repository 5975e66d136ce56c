"""Removes the environment variables that Celery and Flower read by themselves; deepchord has its own settings."""

import os
import sys
import warnings
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from deepchord.shared.import_path import absolute_entries

#: Variables that begin with one of these are removed, and reported.
_PREFIXES = ("CELERY_", "FLOWER_", "KOMBU_")
#: Also removed and reported. The first two are options of Celery's command that decide where members go.
_REPORTED = ("BROKER_URL", "RESULT_BACKEND", "REMAP_SIGTERM")
#: Removed but not reported: meant for another program, or set by another Celery that started deepchord.
_UNREPORTED = (
    # Options of Celery's command, which imports the application in the first one.
    *("APP", "LOADER", "CONFIG_MODULE", "SKIP_CHECKS"),
    # Celery and billiard import what these name, or add their folder to the module search path.
    *("DJANGO_SETTINGS_MODULE", "DJANGO_PROJECT_DIR"),
    # Celery passes these to the processes of its pool.
    *("FORKED_BY_MULTIPROCESSING", "MULTIPROCESSING_FORKING_DISABLE", "MP_MAIN_FILE"),
    *("_MP_FORK_LOGLEVEL_", "_MP_FORK_LOGFILE_", "_MP_FORK_LOGFORMAT_"),
    # Developers of Celery set these; some end it with a traceback if they are not numbers.
    *("C_IMPDEBUG", "C_STRICT_APP", "C_WARN_APP", "C_WNOCONF", "C_REMDEBUG", "C_FAKEFORK", "C_BENCH", "C_BENCH_EVERY"),
    *("MP_LOG", "NOSETPS", "TIMER_DEBUG", "USE_FAST_LOCALS", "DISABLE_TRACEBACKS"),
    *("AUTOSCALE_KEEPALIVE", "EVENTLET_NOBLOCK", "PICKLE_PROTOCOL"),
    # Prometheus's client would keep its counters in files, which Flower and `metrics` do not share.
    *("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"),
    # A screen for figures, but we draw figures into files.
    "MPLBACKEND",
    # A variable of the command line parser: a width that must be a number.
    "TERMINAL_WIDTH",
    # Keeps a process open after its end, and changes its exit code.
    "PYTHONINSPECT",
)
#: A shell that completes a command line sets it to `complete_` and its name; typer would also take other values.
_COMPLETION = "_DEEPCHORD_COMPLETE"
#: Celery reads these while it runs, and they win over the configuration of the application.
CELERY_VARIABLES = (
    *("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL", "CELERY_RESULT_BACKEND"),
    *("CELERY_LOADER", "CELERY_CONFIG_MODULE", "CELERY_CUSTOM_WORKER_POOL", "CELERY_RDBSIG"),
    *("DJANGO_SETTINGS_MODULE", "DJANGO_PROJECT_DIR"),
)

#: For processes whose output we read or keep: a user sets PYTHONIOENCODING only for output on a terminal.
READABLE_OUTPUT: Mapping[str, str] = MappingProxyType({"PYTHONIOENCODING": "utf-8"})


def remove_foreign_variables() -> str | None:
    """Remove foreign variables from this process's environment; return a sentence to report, or None.

    Call this before Celery is imported, because Celery reads some of them at its import.
    """
    removed = remove_variables(foreign_names(os.environ))
    own = without_foreign_variables(os.environ)
    remove_variables(set(os.environ) - set(own))
    os.environ.update(own)
    _undo_warnings_as_errors()
    return describe_foreign(removed)


def is_completion(environment: Mapping[str, str]) -> bool:
    """Return whether a shell asks how a command line can go on."""
    return environment.get(_COMPLETION, "").startswith("complete_")


def remove_variables(names: Iterable[str]) -> list[str]:
    """Remove variables from this process's environment; return those that were set."""
    return [name for name in names if os.environ.pop(name, None) is not None]


def foreign_names(environment: Mapping[str, str]) -> list[str]:
    """Return the variables of an environment that are foreign, sorted."""
    names = {*_REPORTED, *_UNREPORTED}
    if not is_completion(environment):
        names.add(_COMPLETION)
    return sorted(name for name in environment if name in names or name.startswith(_PREFIXES))


def describe_foreign(names: list[str]) -> str | None:
    """Return a sentence about removed variables; None if none of them can have been meant for deepchord."""
    reported = [name for name in names if name not in (*_UNREPORTED, _COMPLETION)]
    if not reported:
        return None
    return (
        f"What the environment says of Celery and Flower is ignored ({', '.join(reported)}): deepchord is told by "
        "options, DEEPCHORD_… variables and its settings file alone."
    )


def without_foreign_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for our processes, without foreign variables or imports from the current folder."""
    foreign = {*foreign_names(environment), "PYTHONPATH"}
    if _raise_errors(environment.get("PYTHONWARNINGS", "").split(",")):
        foreign.add("PYTHONWARNINGS")
    path = absolute_entries(environment.get("PYTHONPATH", ""))
    own = {name: value for name, value in environment.items() if name not in foreign}
    return own | {"PYTHONSAFEPATH": "1"} | ({"PYTHONPATH": path} if path else {})


def _undo_warnings_as_errors() -> None:
    """Ignore warnings as Python does by default, if options of Python would turn a warning into an error."""
    if _raise_errors(sys.warnoptions):
        warnings.resetwarnings()
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)  # Python's default


def _raise_errors(options: Iterable[str]) -> bool:
    """Return whether warning options of Python, such as `error::UserWarning`, turn warnings into errors."""
    return any("error".startswith(option.partition(":")[0].strip() or "default") for option in options)
