import io
import json
import logging

from deepchord.shared.logs import apply_log_format
from deepchord.shared.settings import Settings


def test_a_line_of_json_has_the_message_where_it_came_from_and_what_it_is_about():
    logger, written = logging.Logger("deepchord.test"), io.StringIO()
    logger.addHandler(logging.StreamHandler(written))

    apply_log_format(Settings(log_format="json"), logger)
    logger.warning("Member %d is lost.", 3, extra={"run_id": "one", "member": 3})

    line = json.loads(written.getvalue())
    assert (line["level"], line["message"], line["run_id"], line["member"]) == (
        "WARNING",
        "Member 3 is lost.",
        "one",
        3,
    )
    assert {"time", "host", "logger", "process"} <= set(line)


def test_lines_for_people_stay_as_they_are():
    logger, written = logging.Logger("deepchord.test"), io.StringIO()
    logger.addHandler(logging.StreamHandler(written))

    apply_log_format(Settings(), logger)
    logger.warning("Hello.")

    assert written.getvalue() == "Hello.\n"


def test_foreign_text_in_a_line_steers_no_terminal_and_colours_of_the_formatter_stay():
    logger, written = logging.Logger("deepchord.test"), io.StringIO()
    logger.addHandler(logging.StreamHandler(written))
    logger.handlers[0].setFormatter(logging.Formatter("\x1b[1m%(message)s"))
    apply_log_format(Settings(), logger)

    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        logger.warning("Run %s is lost.", "\x1b]0;title\x07", exc_info=True)

    shown = written.getvalue()
    assert shown.startswith("\x1b[1mRun \ufffd]0;title\ufffd is lost.\n")
    assert shown.endswith("ValueError: \ufffd[2J\n")
