import subprocess
from datetime import timedelta

import pytest

from deepchord.shared.errors import InputError, ObjectNotFoundError, StorageError
from deepchord.shared.storage.retrying_store import RetryingStore
from deepchord.shared.storage.s3_store import S3Store
from tests.servers import make_certificates, start_s3_server


@pytest.fixture
def store(s3_server, moody_s3, monkeypatch) -> RetryingStore:
    """An empty storage behind a proxy with moods."""
    endpoint, _ = moody_s3
    for name, value in s3_server.variables(endpoint).items():
        monkeypatch.setenv(name, value)
    return RetryingStore(S3Store(s3_server.new_storage()), first_wait_s=0.001)


@pytest.fixture
def moods(moody_s3):
    return moody_s3[1]


@pytest.mark.parametrize("mood", ["overloaded", "torn", "slow"])
def test_a_server_in_a_bad_mood_is_asked_again(store, moods, mood):
    data = bytes(range(256)) * 4000
    store.create("runs/one", data)

    moods.next = [mood] * 4
    assert store.get("runs/one") == data
    moods.next = [mood] * 4
    assert list(store.list("")) == ["runs/one"]


def test_a_server_that_stays_overloaded_is_told_of(store, moods):
    moods.next = ["overloaded"] * 5

    with pytest.raises(StorageError, match=r"Cannot write runs/one in storage s3://ensembles/.*SlowDown") as caught:
        store.create("runs/one", b"1")

    assert not caught.value.permanent
    assert len(moods.seen) == 5


def test_what_was_created_before_the_answer_got_lost_counts_as_created_here(store, moods):
    moods.next = ["overloaded afterwards"]

    assert store.create("runs/one", b"mine")
    assert not store.create("runs/one", b"another's")
    assert store.get("runs/one") == b"mine"


def test_a_server_that_falls_silent_in_an_answer_is_asked_again(store, moods, monkeypatch):
    monkeypatch.setattr("deepchord.shared.storage.s3_store._READ_WITHIN", timedelta(seconds=0.3))
    hurried = RetryingStore(S3Store(store.url), first_wait_s=0.001)
    data = bytes(range(256)) * 4000
    store.create("runs/one", data)

    moods.next = ["silent"] * 2

    assert hurried.get("runs/one") == data
    assert moods.next == []


def test_an_upload_that_is_refused_is_never_seen(store, moods):
    moods.next = ["overloaded"] * 5

    with pytest.raises(StorageError):
        store.replace("runs/one", b"x" * 6_000_000)

    assert not store.exists("runs/one")
    with pytest.raises(ObjectNotFoundError):
        store.get("runs/one")


@pytest.mark.parametrize(
    ("host", "days", "trusted", "message"),
    [
        ("localhost", 5, False, "its certificate is not trusted; name the authority's with DEEPCHORD_CA_FILE"),
        ("localhost", -1, True, "its certificate has expired; get a new one"),
        ("elsewhere.lan", 5, True, "its certificate is for another host; correct AWS_ENDPOINT_URL"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(tmp_path, monkeypatch, host, days, trusted, message):
    address = "127.0.0.1" if host == "localhost" else "192.0.2.1"
    certificates = make_certificates(tmp_path, host=host, address=address)
    sign = "x509 -req -in broker.csr -CA ca.crt -CAkey ca.key -copy_extensions copy -out broker.crt -days"
    subprocess.run(["openssl", *sign.split(), str(days)], cwd=certificates, check=True, capture_output=True)
    server, process = start_s3_server(tmp_path / "s3", certificates=certificates)
    for name, value in server.variables().items():
        monkeypatch.setenv(name, value)

    with pytest.raises(StorageError, match=message) as caught:
        S3Store("s3://ensembles/x", certificates / "ca.crt" if trusted else None).get("one")

    assert caught.value.permanent
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("operation", "arguments"), [("create", ("one", b"1")), ("replace", ("one", b"1")), ("get", ("one",))]
)
def test_a_bucket_that_is_missing_is_said_at_once(s3_server, monkeypatch, operation, arguments):
    for name, value in s3_server.variables().items():
        monkeypatch.setenv(name, value)

    with pytest.raises(StorageError, match="there is no such bucket; create it, or correct --storage") as caught:
        getattr(S3Store("s3://missing/x"), operation)(*arguments)

    assert caught.value.permanent


def test_a_server_that_is_not_there_is_named(monkeypatch, s3_server, free_port):
    for name, value in s3_server.variables(f"http://127.0.0.1:{free_port}").items():
        monkeypatch.setenv(name, value)

    with pytest.raises(StorageError, match="cannot be reached; start it, or correct AWS_ENDPOINT_URL"):
        list(S3Store("s3://ensembles").list(""))


def test_missing_credentials_are_said(monkeypatch, s3_server):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint)
    # Where a machine in the cloud would ask for credentials; nobody answers there.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9/169.254.169.254")

    with pytest.raises(StorageError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        S3Store("s3://ensembles").get("one")


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "s3://bucket/a b", "s3://bucket/../other"])
def test_what_is_no_url_of_a_bucket_is_refused(url):
    with pytest.raises((InputError, StorageError), match=r"is not valid|no valid key"):
        S3Store(url)


@pytest.mark.parametrize("endpoint", ["minio.lan:9000", "https//minio.lan", "me:geheim@minio.lan"])
def test_an_endpoint_that_is_none_is_refused_without_its_password(monkeypatch, endpoint):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)

    with pytest.raises(InputError, match=r"AWS_ENDPOINT_URL is not valid|cannot be opened") as caught:
        S3Store("s3://ensembles")

    assert "geheim" not in str(caught.value)


def test_empty_variables_count_as_none(monkeypatch, s3_server):
    for name in ("AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "")

    assert S3Store("s3://ensembles").url == "s3://ensembles"


def test_an_authority_that_is_damaged_is_said(tmp_path):
    path = tmp_path / "ca.crt"
    path.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")

    with pytest.raises(InputError, match="DEEPCHORD_CA_FILE"):
        S3Store("s3://ensembles", path)
