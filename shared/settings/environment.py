"""The environment variables that deepchord reads besides the settings themselves."""

import os
import uuid
from pathlib import Path

import platformdirs

#: The prefix of the variables that hold settings.
ENVIRONMENT_PREFIX = "DEEPCHORD_"
#: Names another settings file.
SETTINGS_FILE_VARIABLE = "DEEPCHORD_SETTINGS"
#: Set in every process of an embedded session; child processes inherit it.
SESSION_VARIABLE = "DEEPCHORD_SESSION"
#: Each worker sets it to a unique id at its start; child processes inherit it.
WORKER_VARIABLE = "DEEPCHORD_WORKER"
#: Names the folder that says how many members the workers of one command may still train; they inherit it.
ALLOWANCE_VARIABLE = "DEEPCHORD_ALLOWANCE"


def settings_file() -> Path:
    """Return the settings file: `$DEEPCHORD_SETTINGS`, or `deepchord/settings.toml` in the user's configuration."""
    named = os.environ.get(SETTINGS_FILE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_config_dir("deepchord", False)) / "settings.toml"


def keras_home() -> Path:
    """Return the folder where Keras keeps its data sets: `$KERAS_HOME`, or else `.keras` in the user's home."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def s3_endpoint() -> str | None:
    """Return the address of the S3 service in the usual AWS variables; None if they name none.

    Empty AWS variables are removed from the environment: the S3 client reads the variables itself, and would use an
    empty one as an address.
    """
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
        del os.environ[name]
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((os.environ[name] for name in names if name in os.environ), None)


def worker_id() -> str:
    """Return the unique id of the worker that this process belongs to; outside of workers each process gets its own."""
    return os.environ.setdefault(WORKER_VARIABLE, uuid.uuid4().hex)


def allowance_folder() -> Path | None:
    """Return the folder that says how many members this worker may still train; None: as many as there are."""
    named = os.environ.get(ALLOWANCE_VARIABLE)
    return Path(named) if named else None
