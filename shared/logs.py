"""The format of logs: lines for people, or one JSON object per line for log collectors."""

import logging

from pythonjsonlogger.json import JsonFormatter

from deepchord.shared.command_line import printable
from deepchord.shared.settings import Settings

#: The fields of each JSON line, besides those in `extra`, such as run_id and member.
_FIELDS = ("levelname", "name", "processName", "process", "message")
_NAMES = {"levelname": "level", "name": "logger", "processName": "process_name"}


def configure_logging(settings: Settings) -> None:
    """Write the log of a long-running command to stderr."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    apply_log_format(settings, logging.getLogger())


def apply_log_format(settings: Settings, logger: logging.Logger) -> None:
    """Set the format of a logger's handlers from the settings."""
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
    """Replace terminal control characters in a record, before a formatter adds colours."""
    try:
        record.msg, record.args = printable(record.getMessage()), None
    except (TypeError, ValueError):
        return True  # the arguments do not fit the format: the handler reports it
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    record.exc_text = record.exc_text and printable(record.exc_text)
    return True
