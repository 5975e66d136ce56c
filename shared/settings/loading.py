"""Reads the settings from options, environment and file; explains in one sentence what is wrong with them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from deepchord.shared.errors import InputError
from deepchord.shared.settings.environment import (
    ALLOWANCE_VARIABLE,
    ENVIRONMENT_PREFIX,
    SESSION_VARIABLE,
    SETTINGS_FILE_VARIABLE,
    WORKER_VARIABLE,
    settings_file,
)
from deepchord.shared.settings.settings import Settings, setting_variables
from deepchord.shared.settings.values import one_line
from deepchord.shared.validation import explain, suggestion, with_full_stop

#: Settings whose values are never shown.
_SECRETS = ("flower_password", "signing_key", "serve_token", "notify_secret")
#: Settings that may hold a password: only our own checks, which remove it, may show the value.
_MAY_HOLD_SECRETS = ("broker", "storage", "notify", "track")
#: The options that have another name than their setting.
_OPTIONS = {
    "flower_port": "port",
    "when_idle": "when-idle",
    "until_empty": "until-empty",
    "end_after_s": "for",
    "end_after_members": "members",
    "memory_limit_bytes": "memory-limit",
}


def load_settings(**options: Any) -> Settings:
    """Return the settings from the given options, the environment and the settings file.

    An option that is None counts as not given, but an error in its setting still names the option. The option `broker`
    wins over a setting that asks for an embedded broker.

    Raises:
        InputError: A value is not valid; a `DEEPCHORD_…` variable is unknown; the settings file that is named is
            missing, cannot be read, is not TOML, or has an unknown name.
    """
    _check_variables()
    try:
        _check_named_file()
        given = {name: value for name, value in options.items() if value is not None}
        if given.get("broker") and not given.get("local"):
            given["local"] = False
        return Settings(**given)
    except ValidationError as error:
        raise _refusal(_explain(error, options)) from error
    except SettingsError as error:
        problem = f"{error}; {error.__cause__}"
        raise _refusal(f"A setting in the environment is not valid, expected JSON: {problem}.") from error
    except RecursionError as error:
        raise _refusal(f"A setting in the environment or in {settings_file()} is nested too deeply.") from error
    except ValueError as error:  # the file is not TOML, not UTF-8, or holds a number of thousands of digits
        raise _refusal(f"Settings file {settings_file()} is not valid TOML: {error}.") from error
    except OSError as error:
        raise _refusal(f"Settings file {settings_file()} cannot be read: {error.strerror}.") from error


def _refusal(sentence: str) -> InputError:
    return InputError(one_line(sentence))


def _check_named_file() -> None:
    named = os.environ.get(SETTINGS_FILE_VARIABLE)
    if named and named != os.devnull and not Path(named).is_file():
        raise _refusal(f"{SETTINGS_FILE_VARIABLE} names {named}, which is no file: correct the path or unset it.")


def _check_variables() -> None:
    known = setting_variables() | {SETTINGS_FILE_VARIABLE, SESSION_VARIABLE, WORKER_VARIABLE, ALLOWANCE_VARIABLE}
    for name in os.environ:
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known:
            raise _refusal(with_full_stop(f"The environment has the unknown setting {name}{suggestion(name, known)}"))


def _explain(error: ValidationError, options: Mapping[str, Any]) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    if first["type"] == "extra_forbidden":
        hint = suggestion(name, Settings.model_fields)
        return with_full_stop(f"Settings file {settings_file()} has the unknown setting '{name}'{hint}")
    option = f" (or option --{_OPTIONS.get(name, name)})" if name in options else ""
    problem = explain(error).removeprefix(f"{name}: ")
    if name in _SECRETS or (name in _MAY_HOLD_SECRETS and first["type"] != "value_error"):
        problem = problem.partition(", found ")[0]
    return f"Setting {ENVIRONMENT_PREFIX}{name.upper()}{option} is not valid: {problem}."
