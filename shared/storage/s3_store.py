"""A bucket of S3, or of any service that speaks it and honours conditional writes (`If-None-Match`)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from deepchord.shared.errors import InputError, ObjectNotFoundError, StorageError
from deepchord.shared.host import how_to_install
from deepchord.shared.settings import s3_endpoint, without_password
from deepchord.shared.storage.object_store import check_key, check_prefix, check_size

_CONNECT_WITHIN = timedelta(seconds=5)
#: A service that stops in the middle of an answer is asked again after so long.
_READ_WITHIN = timedelta(seconds=60)
#: A data set of 50 MB over a line of 2 Mbit/s takes three minutes.
_DONE_WITHIN = timedelta(minutes=10)
_LISTED_AT_ONCE = 1000

_URL = re.compile(r"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]*)(?:/(?P<prefix>[A-Za-z0-9._/-]*))?")

#: What in an answer, without its blanks, says that trying again is of no use, and what to do about it.
_REMEDIES = (
    ("NoSuchBucket", "there is no such bucket; create it, or correct --storage"),
    ("169.254.169.254", "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ("SignatureDoesNotMatch", "the secret key is wrong; correct AWS_SECRET_ACCESS_KEY"),
    ("InvalidAccessKeyId", "the access key is unknown; correct AWS_ACCESS_KEY_ID"),
    ("RequestTimeTooSkewed", "this machine's clock is off; set it"),
    ("AccessDenied", "these credentials may not do that; change the bucket's policy or AWS_ACCESS_KEY_ID"),
    ("ExpiredToken", "these credentials have expired; get new ones"),
    ("403Forbidden", "these credentials may not do that; correct AWS_ACCESS_KEY_ID, or the bucket's policy"),
    ("InvalidCertificate(Expired", "its certificate has expired; get a new one"),
    ("InvalidCertificate(NotValidForName", "its certificate is for another host; correct AWS_ENDPOINT_URL"),
    ("InvalidCertificate", "its certificate is not trusted; name the authority's with DEEPCHORD_CA_FILE"),
    ("PermanentRedirect", "the bucket is in another region; set AWS_REGION"),
)


class S3Store:
    """Objects in a bucket, below a prefix; credentials, region and endpoint come from the usual AWS variables.

    Nothing is tried again here, but in a `RetryingStore` around it: that one knows an object that was created although
    the answer got lost from one that somebody else has created.
    """

    def __init__(self, url: str, ca_file: Path | None = None) -> None:
        """Open a bucket; nothing is asked of it yet.

        Args:
            url: `s3://bucket` or `s3://bucket/prefix`.
            ca_file: Certificates of authorities, PEM, that are trusted beside the system's.

        Raises:
            InputError: The URL is none, or obstore is not installed.
        """
        parts = _URL.fullmatch(url)
        if parts is None:
            shown = without_password(url)
            raise InputError(f"Storage {shown} is not valid: expected s3://bucket or s3://bucket/prefix.")
        endpoint = s3_endpoint()
        if endpoint is not None and re.fullmatch(r"https?://[^/\s]+/?", endpoint) is None:
            shown = without_password(endpoint)
            raise InputError(f"AWS_ENDPOINT_URL is not valid: expected http(s)://host[:port], found {shown}.")
        try:
            import obstore
        except ImportError as error:
            raise InputError(f"Storage on S3 needs another package: {how_to_install('s3')}.") from error
        prefix = (parts["prefix"] or "").strip("/")
        if prefix:
            check_key(prefix)
        options: dict[str, Any] = {
            # Only an endpoint that is given as http:// is spoken to without encryption; keys are signed, not sent.
            "allow_http": True,
            "connect_timeout": _CONNECT_WITHIN,
            "read_timeout": _READ_WITHIN,
            "timeout": _DONE_WITHIN,
        }
        if ca_file is not None:
            options["root_certificate"] = ca_file.read_bytes()
        self._obstore = obstore
        try:
            self._bucket = obstore.store.S3Store(
                parts["bucket"],
                prefix=prefix or None,
                client_options=options,  # type: ignore[arg-type]  # a plain dictionary is what is meant
                retry_config={"max_retries": 0},
            )
        except obstore.exceptions.BaseError as error:
            raise InputError(
                f"Storage {url} cannot be opened ({_reason(str(error))}): correct the AWS_… variables or "
                "DEEPCHORD_CA_FILE."
            ) from error
        self._url = url.rstrip("/")

    @property
    def url(self) -> str:
        """`s3://bucket/prefix`."""
        return self._url

    @property
    def largest_bytes(self) -> None:
        """Objects of any size are taken."""
        return None

    def create(self, key: str, data: bytes) -> bool:
        """Write unless the key exists; return whether this call wrote it."""
        with self._explained(key, "write"):
            try:
                self._bucket.put(check_key(key), data, mode="create")
            except self._obstore.exceptions.AlreadyExistsError:
                return False
            return True

    def replace(self, key: str, data: bytes) -> None:
        """Write, whatever was there before."""
        with self._explained(key, "write"):
            self._bucket.put(check_key(key), data, use_multipart=False)

    def get(self, key: str, most_bytes: int | None = None) -> bytes:
        """Return the bytes."""
        with self._explained(key, "read"):
            answer = self._bucket.get(check_key(key))
            check_size(self, key, answer.meta["size"], most_bytes)
            return bytes(answer.bytes())

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix, sorted."""
        folder = check_prefix(prefix)
        with self._explained(prefix, "list"):
            portions = self._bucket.list(folder or None, chunk_size=_LISTED_AT_ONCE)
            return iter(sorted(entry["path"] for portion in portions for entry in portion))

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names directly below a prefix that further names follow, sorted."""
        folder = check_prefix(prefix)
        with self._explained(prefix, "list"):
            folders = self._bucket.list_with_delimiter(folder or None)["common_prefixes"]
            return iter(sorted(path.rstrip("/").rpartition("/")[2] for path in folders))

    def exists(self, key: str) -> bool:
        """Return whether the key holds an object."""
        return self._size(key) is not None

    def holds(self, key: str, data: bytes) -> bool:
        """Return whether the key holds as many bytes as these."""
        return self._size(key) == len(data)

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        with self._explained(key, "delete"):
            try:
                self._bucket.delete(check_key(key))
            except (FileNotFoundError, self._obstore.exceptions.NotFoundError):
                return

    def _size(self, key: str) -> int | None:
        """Return how many bytes the object has; None if there is none."""
        with self._explained(key, "read"):
            try:
                return self._bucket.head(check_key(key))["size"]
            except (FileNotFoundError, self._obstore.exceptions.NotFoundError):
                return None

    @contextmanager
    def _explained(self, key: str, verb: str) -> Iterator[None]:
        errors = self._obstore.exceptions
        try:
            yield
        except (errors.BaseError, FileNotFoundError, PermissionError, OSError) as error:
            text = str(error)
            signs = "".join(text.split())
            remedy = next((remedy for sign, remedy in _REMEDIES if sign in signs), None)
            if remedy is None and isinstance(error, (FileNotFoundError, errors.NotFoundError)):
                raise ObjectNotFoundError(f"Storage {self.url} has no {key}.") from error
            raise StorageError(
                f"Cannot {verb} {key or 'it'} in storage {self.url}: {remedy or _reason(text)}.",
                permanent=remedy is not None,
            ) from error


def _reason(text: str) -> str:
    """Return what obstore says, without its debugging output and what it had tried."""
    if "error sending request" in text:
        return "it cannot be reached; start it, or correct AWS_ENDPOINT_URL"
    return text.partition("\n")[0].rpartition(" - ")[2].strip().rstrip(".")
