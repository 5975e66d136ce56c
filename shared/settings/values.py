"""What the values of settings have to be: each check returns the value as it is used, or raises ValueError with why."""

import os
import re
from pathlib import Path

from deepchord.shared.command_line import label
from deepchord.shared.settings.urls import without_password

#: Longer than anything is waited for, and short enough for every clock and timer.
LONGEST_S = 10 * 365 * 24 * 3600
#: A bundle of all authorities there are has a quarter of a mebibyte.
_MOST_CERTIFICATES_BYTES = 16 * 2**20
_PART = "[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
_LONG_WORD = re.compile(r"\S{160,}")


def with_home(path: Path) -> Path:
    """Return a path with the home folder in place of `~`."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  leaves an unknown ~user as it is


def without_control_characters(value: object) -> object:
    """Return a value as it was given, if a text, then one that a file name, an address or a variable can hold."""
    if isinstance(value, str) and re.search("[\x00-\x1f\x7f]", value):
        raise ValueError("it holds a control character, a line break say; leave that out")
    return value


def path_of_flower(prefix: str | None) -> str | None:
    """Return the path of a URL without slashes round it; none for the root."""
    path = (prefix or "").strip("/")
    if path and not re.fullmatch(f"{_PART}(/{_PART})*", path):
        raise ValueError(
            f"expected a path of letters, digits and . _ ~ - such as flower or tools/flower, found {prefix!r}"
        )
    return path or None


def password_of_flower(password: str | None) -> str | None:
    """Return a password that a browser can send."""
    if password is not None and (not password.isascii() or not password.isprintable() or "," in password):
        raise ValueError("Flower takes passwords of printable ASCII characters without a comma; choose another one")
    return password


def certificates_file(path: Path | None) -> Path | None:
    """Return the whole path of a file with certificates."""
    if path is None:
        return None
    path = with_home(path).absolute()
    try:
        if path.exists() and not path.is_file():  # a device or a pipe may never end
            raise ValueError(f"expected a file with certificates in PEM, and {path} is no file")
        with path.open("rb") as file:
            certificates = file.read(_MOST_CERTIFICATES_BYTES)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in certificates:
        raise ValueError(f"expected a file with certificates in PEM, found none in {path}")
    return path


def storage_url(storage: str) -> str:
    """Return the URL of a storage, or the whole path of a folder."""
    if re.match("(?i)[a-z][a-z0-9]+:(?!//)", storage):  # one letter is a drive of Windows
        raise ValueError(
            "expected a folder, file:///folder, s3://bucket/prefix or broker://, found "
            f"{without_password(storage)} (a folder of this name is ./ and the name)"
        )
    return storage if "://" in storage else str(with_home(Path(storage)).absolute())


def sentence_about(text: str) -> str:
    """Return a sentence on one line, in which a value of thousands of characters is cut."""
    return label(_LONG_WORD.sub(lambda word: f"{word[0][:80]}…{word[0][-40:]}", text))
