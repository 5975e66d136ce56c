"""Makes text printable: what came from storage, a message or a file name may hold what a terminal would obey."""

import codecs
import re

#: Stands for a character that is not shown.
INSTEAD = "\ufffd"

#: Control characters but the line break and the tab, other line breaks, overrides of the direction of writing, by which
#: a name looks like another one, and halves of characters, which Python makes of file names that are no UTF-8. Isolates
#: that take their direction from the text itself stay: the page puts names into such.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066\u2067\ud800-\udfff]")

#: What deepchord itself prints beyond ASCII, where the encoding has none of it; one for one, so that tables stay even.
_IN_ASCII = str.maketrans(
    {
        "\u00a0": " ",
        "\u00b1": "~",
        "\u00b5": "u",
        "\u00b7": "-",
        "\u00d7": "x",
        "\u2013": "-",
        "\u2022": "*",
        "\u2026": "~",
        "\u2192": ">",
        "\u2212": "-",
        "\u2713": "*",
        INSTEAD: "?",
    }
)

#: The name of the error handler for `encode` that writes what comes nearest.
NEAREST = "deepchord.nearest"


def printable(text: str) -> str:
    """Return a text of any lines without a character that a terminal would obey; each is replaced by one sign."""
    return _CONTROLS.sub(INSTEAD, text)


def label(text: str) -> str:
    """Return a name as it stands in a line: printable, without line breaks and tabs."""
    return printable(re.sub(r"[\t\n]", INSTEAD, text))


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding does not have: our own signs by the nearest, whatever else by its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    failed = error.object[error.start : error.end].translate(_IN_ASCII)
    return failed.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(NEAREST, _nearest)
