"""How logs are written: lines for people, or one JSON object a line for what collects them."""

import logging

from pythonjsonlogger.json import JsonFormatter

from deepchord.shared.command_line import printable
from deepchord.shared.settings import Settings

#: What each line of JSON has, beside what a line was given as `extra`: run_id, member …
_FIELDS = ("levelname", "name", "processName", "process", "message")
_NAMES = {"levelname": "level", "name": "logger", "processName": "process_name"}


def configure_logging(settings: Settings) -> None:
    """Let a command that is a service write its log to stderr."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    apply_log_format(settings, logging.getLogger())


def apply_log_format(settings: Settings, logger: logging.Logger) -> None:
    """Let the handlers of a logger write as the settings say."""
    if settings.log_format == "json":
        formatter = JsonFormatter(
            list(_FIELDS), rename_fields=_NAMES, static_fields={"host": settings.host}, timestamp="time"
        )
        for handler in logger.handlers:
            handler.setFormatter(formatter)
        return
    for handler in logger.handlers:
        handler.addFilter(_make_printable)


def _make_printable(record: logging.LogRecord) -> bool:
    """Take out of a record what a terminal would obey, before a formatter adds colours."""
    try:
        record.msg, record.args = printable(record.getMessage()), None
    except (TypeError, ValueError):
        return True  # the arguments do not fit: the handler says so
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    record.exc_text = record.exc_text and printable(record.exc_text)
    return True
