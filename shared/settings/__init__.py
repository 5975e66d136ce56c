"""The settings of a command, read from options, environment and settings file into one `Settings` object.

No other room reads the environment.
"""

from deepchord.shared.settings.amounts import Hours
from deepchord.shared.settings.container_paths import path_on_host
from deepchord.shared.settings.environment import (
    ALLOWANCE_VARIABLE,
    SESSION_VARIABLE,
    WORKER_VARIABLE,
    allowance_folder,
    keras_home,
    s3_endpoint,
    worker_id,
)
from deepchord.shared.settings.loading import load_settings
from deepchord.shared.settings.plaidml_hardware import PlaidMLHardware
from deepchord.shared.settings.results_folder import check_folder
from deepchord.shared.settings.settings import Settings, export_settings
from deepchord.shared.settings.urls import broker_user, celery_url, is_socket, server_url, without_password

__all__ = [
    "ALLOWANCE_VARIABLE",
    "SESSION_VARIABLE",
    "WORKER_VARIABLE",
    "Hours",
    "PlaidMLHardware",
    "Settings",
    "allowance_folder",
    "broker_user",
    "celery_url",
    "check_folder",
    "export_settings",
    "is_socket",
    "keras_home",
    "load_settings",
    "path_on_host",
    "s3_endpoint",
    "server_url",
    "without_password",
    "worker_id",
]
