import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.command_line import label, printable
from deepchord.shared.command_line.printable import NEAREST, REPLACEMENT

#: All characters, halves of such among them, which file names may hold.
ANYTHING = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "?[31mred?[0m"),
        ("\x1b]0;title\x07", "?]0;title?"),
        ("\x9b2J", "?2J"),
        ("back\b\b\rspace", "back???space"),
        ("abc\u202egpj.exe", "abc?gpj.exe"),
        ("name\udcff.npz", "name?.npz"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("Müller, 日本, עברית, 👟, e\u0301", "Müller, 日本, עברית, 👟, e\u0301"),
    ],
)
def test_a_text_is_printed_without_what_a_terminal_would_obey(text, shown):
    assert printable(text) == shown.replace("?", REPLACEMENT)


def test_a_name_stays_in_its_line():
    assert label("one\ntwo\tthree\r") == f"one{REPLACEMENT}two{REPLACEMENT}three{REPLACEMENT}"


@given(ANYTHING)
def test_a_printable_text_has_as_many_characters_and_no_control_character(text):
    shown = printable(text)

    assert len(shown) == len(text)
    assert not {c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")} - {"\n", "\t"}
    assert printable(shown) == shown


@given(ANYTHING, st.sampled_from(["ascii", "latin-1", "cp1252", "cp437", "koi8-r", "shift_jis", "utf-8", "utf-16"]))
def test_any_encoding_takes_any_text(text, encoding):
    written = text.encode(encoding, NEAREST).decode(encoding)

    assert written.encode(encoding) is not None
    assert encoding == "ascii" or "\udcff" not in written


def test_what_an_encoding_lacks_is_written_as_what_comes_nearest():
    assert "1 \u00d7 1 … done ✓ · 93.55\u00a0%".encode("ascii", NEAREST) == b"1 x 1 ~ done * - 93.55 %"
    assert "a \u2013 b ✓".encode("cp1252", NEAREST) == b"a \x96 b *"
    assert "Müller 日本".encode("ascii", NEAREST) == b"M\\xfcller \\u65e5\\u672c"
