"""Checks of single settings: each returns the value in the form that is used, or raises ValueError with the reason."""

import os
import re
from pathlib import Path

from deepchord.shared.command_line import label
from deepchord.shared.settings.urls import without_password

#: The longest duration of a setting: longer than any real one, and short enough for every clock and timer.
MAX_DURATION_S = 10 * 365 * 24 * 3600
#: A bundle of all public authorities has about 0.25 MiB.
_MAX_CERTIFICATES_BYTES = 16 * 2**20
_PART = "[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
_LONG_WORD = re.compile(r"\S{160,}")


def with_home(path: Path) -> Path:
    """Return a path in which `~` is replaced by the home folder."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  leaves an unknown ~user as it is


def without_control_characters(value: object) -> object:
    """Return the value unchanged; raise if it is a text with a control character."""
    if isinstance(value, str) and re.search("[\x00-\x1f\x7f]", value):
        raise ValueError("it holds a control character, a line break say; leave that out")
    return value


def checked_flower_path(prefix: str | None) -> str | None:
    """Return the path of a URL without slashes at its ends; None for the root."""
    path = (prefix or "").strip("/")
    if path and not re.fullmatch(f"{_PART}(/{_PART})*", path):
        raise ValueError(
            f"expected a path of letters, digits and . _ ~ - such as flower or tools/flower, found {prefix!r}"
        )
    return path or None


def checked_flower_password(password: str | None) -> str | None:
    """Return the password if a browser can send it."""
    if password is not None and (not password.isascii() or not password.isprintable() or "," in password):
        raise ValueError("Flower takes passwords of printable ASCII characters without a comma; choose another one")
    return password


def checked_token(token: str | None) -> str | None:
    """Return the token if it can be sent in a header."""
    if token is not None and (not token.isascii() or not token.isprintable() or " " in token):
        raise ValueError("a token has printable ASCII characters without spaces; choose another one")
    return token


def listed(value: object) -> object:
    """Return the words of a text, and anything else unchanged: the environment has lists with spaces between."""
    return tuple(value.split()) if isinstance(value, str) else value


def checked_addresses(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return addresses that begin with a scheme, each once; messages do not show them, for they may hold secrets."""
    for number, address in enumerate(addresses, 1):
        if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*(:[^\s\x00-\x1f\x7f]*)?", address):
            raise ValueError(
                f"its entry {number} is no address, which has a scheme, a colon, and neither spaces nor control "
                "characters"
            )
    return tuple(dict.fromkeys(addresses))


def certificates_file(path: Path | None) -> Path | None:
    """Return the absolute path of a file with certificates."""
    if path is None:
        return None
    path = with_home(path).absolute()
    try:
        if path.exists() and not path.is_file():  # a read from a device or a pipe may never end
            raise ValueError(f"expected a file with certificates in PEM, and {path} is no file")
        with path.open("rb") as file:
            certificates = file.read(_MAX_CERTIFICATES_BYTES)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in certificates:
        raise ValueError(f"expected a file with certificates in PEM, found none in {path}")
    return path


def storage_url(storage: str) -> str:
    """Return the URL of a storage, or the absolute path of a folder."""
    if re.match("(?i)[a-z][a-z0-9]+:(?!//)", storage):  # one letter is a drive of Windows
        raise ValueError(
            "expected a folder, file:///folder, s3://bucket/prefix or broker://, found "
            f"{without_password(storage)} (a folder of this name is ./ and the name)"
        )
    return storage if "://" in storage else str(with_home(Path(storage)).absolute())


def one_line(text: str) -> str:
    """Return a sentence on one line, in which very long values are shortened."""
    return label(_LONG_WORD.sub(lambda word: f"{word[0][:80]}…{word[0][-40:]}", text))
