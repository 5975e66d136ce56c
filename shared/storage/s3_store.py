"""A bucket of S3, or of a compatible service that honours conditional writes (`If-None-Match`)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from deepchord.shared.errors import InputError, ObjectNotFoundError, StorageError
from deepchord.shared.host import how_to_install
from deepchord.shared.settings import s3_endpoint, without_password
from deepchord.shared.storage.object_store import StoredObject, check_key, check_prefix, check_size

_CONNECT_WITHIN = timedelta(seconds=5)
#: A service may stop in the middle of an answer; after this time the request is sent again.
_READ_WITHIN = timedelta(seconds=60)
#: A data set of 50 MB over a line of 2 Mbit/s takes three minutes.
_DONE_WITHIN = timedelta(minutes=10)
_LIST_BATCH = 1000

_URL = re.compile(r"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]*)(?:/(?P<prefix>[A-Za-z0-9._/-]*))?")

#: Texts in an answer (without blanks) for which a retry does not help, and what to do about each.
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

    It never retries by itself; the `RetryingStore` around it does. When an answer was lost, only the `RetryingStore`
    can tell whether this process or another one created the object.
    """

    def __init__(self, url: str, ca_file: Path | None = None) -> None:
        """Open a bucket; no request is sent yet.

        Args:
            url: `s3://bucket` or `s3://bucket/prefix`.
            ca_file: Certificates of authorities, PEM, that are trusted in addition to the system's.

        Raises:
            InputError: The URL is not valid, or obstore is not installed.
        """
        bucket, prefix = _parse_url(url)
        _check_endpoint()
        try:
            import obstore
        except ImportError as error:
            raise InputError(f"Storage on S3 needs another package: {how_to_install('s3')}.") from error
        self._obstore = obstore
        try:
            self._bucket = obstore.store.S3Store(
                bucket,
                prefix=prefix,
                client_options=_client_options(ca_file),  # type: ignore[arg-type]  # obstore takes a plain dictionary
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
        """The address, `s3://bucket/prefix`."""
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
            batches = self._bucket.list(folder or None, chunk_size=_LIST_BATCH)
            return iter(sorted(entry["path"] for batch in batches for entry in batch))

    def entries(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects below a prefix, sorted by key."""
        folder = check_prefix(prefix)
        with self._explained(prefix, "list"):
            batches = self._bucket.list(folder or None, chunk_size=_LIST_BATCH)
            found = [
                StoredObject(key=entry["path"], size_bytes=entry["size"], changed_at=entry["last_modified"])
                for batch in batches
                for entry in batch
            ]
            return iter(sorted(found, key=lambda entry: entry.key))

    def leftovers(self, prefix: str) -> Iterator[StoredObject]:
        """Yield nothing: an object is there as a whole, or not at all."""
        check_prefix(prefix)
        return iter(())

    def delete_leftovers(self, prefix: str, before: datetime | None = None) -> None:  # noqa: ARG002  of the protocol
        """Do nothing: there are no leftovers, and no folders."""
        check_prefix(prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders directly below a prefix, sorted."""
        folder = check_prefix(prefix)
        with self._explained(prefix, "list"):
            folders = self._bucket.list_with_delimiter(folder or None)["common_prefixes"]
            return iter(sorted(path.rstrip("/").rpartition("/")[2] for path in folders))

    def exists(self, key: str) -> bool:
        """Return whether the key holds an object."""
        return self._size(key) is not None

    def holds(self, key: str, data: bytes) -> bool:
        """Return whether the key holds an object of the same size as these bytes."""
        return self._size(key) == len(data)

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        with self._explained(key, "delete"):
            try:
                self._bucket.delete(check_key(key))
            except (FileNotFoundError, self._obstore.exceptions.NotFoundError):
                return

    def _size(self, key: str) -> int | None:
        """Return the size of the object in bytes; None if it is not there."""
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


def _parse_url(url: str) -> tuple[str, str | None]:
    """Return the bucket and the prefix of a URL; None without a prefix."""
    parts = _URL.fullmatch(url)
    if parts is None:
        shown = without_password(url)
        raise InputError(f"Storage {shown} is not valid: expected s3://bucket or s3://bucket/prefix.")
    prefix = (parts["prefix"] or "").strip("/")
    return parts["bucket"], check_key(prefix) if prefix else None


def _check_endpoint() -> None:
    endpoint = s3_endpoint()
    if endpoint is not None and re.fullmatch(r"https?://[^/\s]+/?", endpoint) is None:
        shown = without_password(endpoint)
        raise InputError(f"AWS_ENDPOINT_URL is not valid: expected http(s)://host[:port], found {shown}.")


def _client_options(ca_file: Path | None) -> dict[str, Any]:
    options: dict[str, Any] = {
        # Only an endpoint that begins with http:// is used without encryption; keys sign requests and are never sent.
        "allow_http": True,
        "connect_timeout": _CONNECT_WITHIN,
        "read_timeout": _READ_WITHIN,
        "timeout": _DONE_WITHIN,
    }
    return options if ca_file is None else options | {"root_certificate": ca_file.read_bytes()}


def _reason(text: str) -> str:
    """Return the message of obstore without its debugging output and the list of what it tried."""
    if "error sending request" in text:
        return "it cannot be reached; start it, or correct AWS_ENDPOINT_URL"
    return text.partition("\n")[0].rpartition(" - ")[2].strip().rstrip(".")
