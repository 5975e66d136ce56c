"""Files that come with deepchord for other programs: the users of a broker, and a dashboard for Grafana."""

from importlib.resources import files

from deepchord.shared.errors import InputError
from deepchord.shared.validation import suggestion, with_full_stop

__all__ = ["FILES", "read_file"]

#: The name of each file, and what it is for.
FILES = {
    "users.acl": "a user of the broker for each role, for --aclfile of Redis 7 or Valkey: put passwords into it",
    "grafana.json": "a dashboard of Grafana for what `deepchord metrics` serves",
}


def read_file(name: str) -> str:
    """Return the text of a file.

    Raises:
        InputError: There is no such file.
    """
    if name not in FILES:
        raise InputError(with_full_stop(f"No file {name!r} comes with deepchord{suggestion(name, FILES)}"))
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
