"""The variables that Celery, its parts and Flower read by themselves; deepchord is told all by its own settings."""

import os
import sys
import warnings
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from deepchord.shared.import_path import whole_paths_of

#: Whatever begins so is left out, and told of.
_PREFIXES = ("CELERY_", "FLOWER_", "KOMBU_")
#: The same; the first two are what Celery's command calls the settings that decide where members go.
_TOLD = ("BROKER_URL", "RESULT_BACKEND", "REMAP_SIGTERM")
#: Left out without a word: meant for somebody else, or left by another Celery that deepchord was started by.
_UNTOLD = (
    # Options of Celery's command, which imports the application that the first one names.
    *("APP", "LOADER", "CONFIG_MODULE", "SKIP_CHECKS"),
    # Celery and billiard import what they name, or put their folder on the path of modules.
    *("DJANGO_SETTINGS_MODULE", "DJANGO_PROJECT_DIR"),
    # What Celery tells the processes of its pool.
    *("FORKED_BY_MULTIPROCESSING", "MULTIPROCESSING_FORKING_DISABLE", "MP_MAIN_FILE"),
    *("_MP_FORK_LOGLEVEL_", "_MP_FORK_LOGFILE_", "_MP_FORK_LOGFORMAT_"),
    # What those who develop Celery set; some end it with a traceback if they are no numbers.
    *("C_IMPDEBUG", "C_STRICT_APP", "C_WARN_APP", "C_WNOCONF", "C_REMDEBUG", "C_FAKEFORK", "C_BENCH", "C_BENCH_EVERY"),
    *("MP_LOG", "NOSETPS", "TIMER_DEBUG", "USE_FAST_LOCALS", "DISABLE_TRACEBACKS"),
    *("AUTOSCALE_KEEPALIVE", "EVENTLET_NOBLOCK", "PICKLE_PROTOCOL"),
    # Makes Prometheus's client keep what it counts in files, which Flower and `metrics` do not share.
    *("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"),
    # A screen for figures, which are drawn into files.
    "MPLBACKEND",
    # Of the parser of the command line: a width that must be a number.
    "TERMINAL_WIDTH",
    # Lets a process go on after its end, with an exit code of its own.
    "PYTHONINSPECT",
)
#: A shell that completes a command line sets it to `complete_` and its name; typer would also take other values.
_COMPLETION = "_DEEPCHORD_COMPLETE"
#: What Celery reads while it runs, and puts before what the application says.
CONFIGURATION = (
    *("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL", "CELERY_RESULT_BACKEND"),
    *("CELERY_LOADER", "CELERY_CONFIG_MODULE", "CELERY_CUSTOM_WORKER_POOL", "CELERY_RDBSIG"),
    *("DJANGO_SETTINGS_MODULE", "DJANGO_PROJECT_DIR"),
)

#: For processes whose output we read or keep: PYTHONIOENCODING is meant for what somebody looks at.
READABLE_OUTPUT: Mapping[str, str] = MappingProxyType({"PYTHONIOENCODING": "utf-8"})


def leave_out_foreign() -> str | None:
    """Take out of this process's environment what others would read; return what to say of it, if anything.

    To be called before Celery is imported, which reads some of them then.
    """
    found = leave_out(foreign_names(os.environ))
    own = without_foreign(os.environ)
    leave_out(set(os.environ) - set(own))
    os.environ.update(own)
    _bear_with_warnings()
    return describe_foreign(found)


def is_completion(environment: Mapping[str, str]) -> bool:
    """Return whether a shell asks how a command line can go on."""
    return environment.get(_COMPLETION, "").startswith("complete_")


def leave_out(names: Iterable[str]) -> list[str]:
    """Take variables out of this process's environment; return those that were there."""
    return [name for name in names if os.environ.pop(name, None) is not None]


def foreign_names(environment: Mapping[str, str]) -> list[str]:
    """Return the variables that are left out, sorted."""
    names = {*_TOLD, *_UNTOLD}
    if not is_completion(environment):
        names.add(_COMPLETION)
    return sorted(name for name in environment if name in names or name.startswith(_PREFIXES))


def describe_foreign(names: list[str]) -> str | None:
    """Return a sentence about what is left out; None if nobody can have meant deepchord by it."""
    told = [name for name in names if name not in (*_UNTOLD, _COMPLETION)]
    if not told:
        return None
    return (
        f"What the environment says of Celery and Flower is ignored ({', '.join(told)}): deepchord is told by options, "
        "DEEPCHORD_… variables and its settings file alone."
    )


def without_foreign(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for our processes, none of which imports from the folder that it is started in."""
    foreign = {*foreign_names(environment), "PYTHONPATH"}
    if _are_errors(environment.get("PYTHONWARNINGS", "").split(",")):
        foreign.add("PYTHONWARNINGS")
    path = whole_paths_of(environment.get("PYTHONPATH", ""))
    own = {name: value for name, value in environment.items() if name not in foreign}
    return own | {"PYTHONSAFEPATH": "1"} | ({"PYTHONPATH": path} if path else {})


def _bear_with_warnings() -> None:
    """Have no warning of a library end this process, also if Python was told that warnings are errors."""
    if _are_errors(sys.warnoptions):
        warnings.resetwarnings()
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)  # as Python does by itself


def _are_errors(options: Iterable[str]) -> bool:
    """Return whether options of Python, such as `error::UserWarning`, make errors of some warnings."""
    return any("error".startswith(option.partition(":")[0].strip() or "default") for option in options)
