"""The variables of the environment that deepchord reads, by name."""

import os
import uuid
from pathlib import Path

import platformdirs

ENVIRONMENT_PREFIX = "DEEPCHORD_"


SETTINGS_FILE_VARIABLE = "DEEPCHORD_SETTINGS"


#: Set in the environment of every process of an embedded session, and so of all that those start in turn.
SESSION_VARIABLE = "DEEPCHORD_SESSION"


#: Set by each worker at its start to something unique, for the processes that it starts in turn.
WORKER_VARIABLE = "DEEPCHORD_WORKER"


def settings_file() -> Path:
    """Return the settings file: `$DEEPCHORD_SETTINGS`, else `deepchord/settings.toml` in the user's configuration."""
    named = os.environ.get(SETTINGS_FILE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_config_dir("deepchord", False)) / "settings.toml"


def keras_home() -> Path:
    """Return where Keras keeps its data sets: `$KERAS_HOME`, else `.keras` in the user's home."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def s3_endpoint() -> str | None:
    """Return the address of the S3 service that the usual AWS variables name; empty ones are taken out of the way.

    What speaks S3 for us reads them by itself, and takes an empty one for an address.
    """
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
        del os.environ[name]
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((os.environ[name] for name in names if name in os.environ), None)


def worker_id() -> str:
    """Return what is unique for the worker that this process belongs to; a process of its own is one, too."""
    return os.environ.setdefault(WORKER_VARIABLE, uuid.uuid4().hex)
