"""Makes text printable: text from storage, messages or file names may hold control characters for the terminal."""

import codecs
import re

#: Replaces a character that is not shown.
REPLACEMENT = "\ufffd"

#: The characters to replace: control characters except line break and tab; other line breaks; overrides of the writing
#: direction, which make a name look like another; and lone surrogates, with which Python represents file names that are
#: not UTF-8. First strong isolates (U+2068) stay, because the page puts names into them.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066\u2067\ud800-\udfff]")

#: Replacements for the non-ASCII characters that deepchord prints, each of the same width, so that tables stay aligned.
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
        REPLACEMENT: "?",
    }
)

#: The name of our error handler for `str.encode`, which writes the most similar character.
NEAREST = "deepchord.nearest"


def printable(text: str) -> str:
    """Return a text in which each control character for the terminal is replaced; line breaks stay."""
    return _CONTROLS.sub(REPLACEMENT, text)


def label(text: str) -> str:
    """Return a name that fits into a line: printable, without line breaks and tabs."""
    return printable(re.sub(r"[\t\n]", REPLACEMENT, text))


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks: our own characters by similar ones, all others by their number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    failed = error.object[error.start : error.end].translate(_IN_ASCII)
    return failed.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(NEAREST, _nearest)
