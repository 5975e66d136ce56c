import inspect
import os
import platform
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.command_line import printable
from deepchord.shared.errors import InputError
from deepchord.shared.settings import Settings, load_settings, without_password
from deepchord.shared.settings.environment import settings_file

SECRET = "5ecret"
BROKEN_URLS = [
    f"redis://:{SECRET}@host:port/0",
    f"redis://user:{SECRET}@host:99999/0",
    f"redis://:{SECRET}@host/zero",
    f"redis://:{SECRET}/more@host:6379/0",
    f"redis://:{SECRET}#more@host:6379/0",
    f"redis://:{SECRET}?more@host:6379/0",
    f"redis://:{SECRET}@@host:6379:6379/0",
    f"redis://[{SECRET}@host",
    f"amqp://user:{SECRET}@host",
    f"socket://:{SECRET}@/run/redis.sock",
    f":{SECRET}@host:6379",
    f"http://host/?password={SECRET}",
    f"http://host/?password=more@{SECRET}",
    f"redis://:{SECRET}@host:6379?db=2",
    f"REDIS://:{SECRET}@host:6379/0",
]


def write_file(text: str | bytes) -> Path:
    path = settings_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_without_anything_given_every_setting_has_a_default():
    settings = load_settings()

    assert settings.broker is None
    assert settings.engine == "auto"
    assert settings.workers is None


def test_an_option_wins_over_the_environment_which_wins_over_the_file(monkeypatch):
    write_file("workers = 2\nthreads = 2\nmax_attempts = 2")
    monkeypatch.setenv("DEEPCHORD_WORKERS", "3")
    monkeypatch.setenv("DEEPCHORD_THREADS", "3")

    settings = load_settings(workers=4, threads=None)

    assert (settings.workers, settings.threads, settings.max_attempts) == (4, 3, 2)


def test_the_path_of_flower_has_no_slashes_round_it():
    assert load_settings(flower_prefix="/tools/flower/").flower_prefix == "tools/flower"
    assert load_settings(flower_prefix="/").flower_prefix is None


def test_an_empty_variable_counts_as_not_given(monkeypatch):
    monkeypatch.setenv("DEEPCHORD_BROKER", "")

    assert load_settings().broker is None


def test_a_settings_file_can_be_named(monkeypatch, tmp_path):
    (tmp_path / "mine.toml").write_text("workers = 7")
    monkeypatch.setenv("DEEPCHORD_SETTINGS", str(tmp_path / "mine.toml"))

    assert load_settings().workers == 7


def test_folders_are_absolute_so_that_children_elsewhere_find_them(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    settings = load_settings(storage="storage", cache=Path("~/cache"), state=Path("state"))

    assert settings.storage == str(tmp_path / "storage")
    assert settings.cache == Path.home() / "cache"
    assert settings.state == tmp_path / "state"


def test_a_storage_url_is_left_as_it_is():
    assert load_settings(storage="file:///srv/storage").storage == "file:///srv/storage"


def test_the_folder_of_results_may_be_in_the_home_folder(monkeypatch):
    monkeypatch.setenv("DEEPCHORD_RESULTS", "~/runs")

    assert load_settings().results == Path.home() / "runs"


def test_a_machine_is_called_as_it_calls_itself_unless_it_is_told_otherwise(monkeypatch):
    assert load_settings().host == platform.node()
    monkeypatch.setenv("DEEPCHORD_HOST", "")
    assert load_settings().host == platform.node()
    monkeypatch.setenv("DEEPCHORD_HOST", "box1")
    assert load_settings().host == "box1"


def test_a_child_process_sees_the_very_settings(monkeypatch):
    write_file('workers = 2\nthreads = 5\ndevice = "GPU:0"')
    monkeypatch.setenv("DEEPCHORD_ENGINE", "jax")
    settings = load_settings(broker="redis://:p%40ss@localhost:6379/3", connect_timeout_s=0.25)
    settings = settings.model_copy(update={"device": None})

    environment = settings.environment()
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert load_settings() == settings


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("DEEPCHORD_ENGINE", "tensorfow", r"DEEPCHORD_ENGINE \(or option --engine\) .*'tensorflow'.*found 'tensorfow'"),
        ("DEEPCHORD_WORKERS", "0", r"DEEPCHORD_WORKERS \(or option --workers\) .*equal to 1, found '0'"),
        ("DEEPCHORD_FLOWER_PREFIX", "tools flower", r"DEEPCHORD_FLOWER_PREFIX is not valid: .* found 'tools flower'"),
        ("DEEPCHORD_FLOWER_PREFIX", "../up", r"DEEPCHORD_FLOWER_PREFIX is not valid: expected a path"),
        ("DEEPCHORD_FLOWER_PORT", "70000", r"DEEPCHORD_FLOWER_PORT is not valid.*65535"),
        ("DEEPCHORD_CONNECT_TIMEOUT_S", "soon", r"DEEPCHORD_CONNECT_TIMEOUT_S .*number.*found 'soon'"),
        ("DEEPCHORD_STORAGE", "s3:/bucket/runs", r"DEEPCHORD_STORAGE is not valid: expected .* found s3:/bucket/runs"),
        ("DEEPCHORD_STORAGE", "broker:", r"DEEPCHORD_STORAGE is not valid: expected .* broker://, found broker:"),
        ("DEEPCHORD_PLAIDML_HARDWARE", "{threads: 1}", r"expected JSON: .*plaidml_hardware"),
    ],
)
def test_a_value_that_is_wrong_is_named_with_its_variable(monkeypatch, variable, value, sentence):
    monkeypatch.setenv(variable, value)

    with pytest.raises(InputError, match=sentence):
        load_settings(engine=None, workers=None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("worker = 2", r"has the unknown setting 'worker'; did you mean 'workers'\?$"),
        ("zzz = 2", r"has the unknown setting 'zzz'; valid are broker, ca_file, cache, "),
        ("workers = ", r"is not valid TOML"),
        (b"workers = '\xff'", r"is not valid TOML"),
    ],
)
def test_a_settings_file_that_is_wrong_is_named(text, sentence):
    path = write_file(text)

    with pytest.raises(InputError, match=sentence) as caught:
        load_settings()

    assert str(path) in str(caught.value)


def test_a_settings_file_that_is_no_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPCHORD_SETTINGS", str(tmp_path / "absent.toml"))

    with pytest.raises(InputError, match=r"DEEPCHORD_SETTINGS names .*absent\.toml"):
        load_settings()


@pytest.mark.parametrize("url", ["redis://localhost", "rediss://user:p%2Fss@host:6380/15", "redis://[::1]:6379/0"])
def test_a_redis_url_is_taken(url):
    assert load_settings(broker=url).broker == url


@pytest.mark.parametrize("url", BROKEN_URLS)
def test_a_broker_that_is_no_redis_url_is_named_without_its_password(url):
    with pytest.raises(InputError, match=r"DEEPCHORD_BROKER \(or option --broker\) .*: expected redis") as caught:
        load_settings(broker=url)

    assert SECRET not in str(caught.value)


@given(
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda text: f"{text}{SECRET}"),
    rest=st.from_regex(r"\A[a-z0-9.-]{1,20}(:[0-9]{1,5})?(/[0-9]{0,2})?\Z"),
    user=st.sampled_from(["", "user"]),
)
def test_no_password_is_ever_printed_however_it_is_written(secret, rest, user):
    shown = without_password(f"redis://{user}:{secret}@{rest}")

    assert SECRET not in shown
    assert shown in (f"redis://{rest}", "redis://…")


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load_settings().workers = 3


def test_every_setting_is_explained_where_it_is_declared():
    source = Path(inspect.getfile(Settings)).read_text().splitlines()
    declared = [line for line in source if any(line.startswith(f"    {name}: ") for name in Settings.model_fields)]

    assert len(declared) == len(Settings.model_fields)
    assert all(source[source.index(line) - 1].lstrip().startswith("#") for line in declared)


@pytest.mark.parametrize("name", ["DEEPCHORD_FLOWER_PASSWORD", "DEEPCHORD_SIGNING_KEY"])
def test_a_secret_that_is_too_short_is_refused_without_telling_it(monkeypatch, name):
    monkeypatch.setenv(name, "geheim")

    with pytest.raises(InputError, match=f"{name} is not valid: .*at least") as caught:
        load_settings()

    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("password", ["geheim,geheim", "gehäimnisse", "geheim\tgeheim"])
def test_a_password_that_flower_would_understand_otherwise_is_refused_without_telling_it(password):
    with pytest.raises(InputError, match="printable ASCII characters without a comma") as caught:
        load_settings(flower_password=password)

    assert password not in str(caught.value)


@pytest.mark.parametrize("text", ['broker = ["redis://:geheim@h/0"]', '[broker]\nurl = "redis://:geheim@h/0"'])
def test_a_broker_of_a_wrong_type_is_refused_without_telling_it(text):
    write_file(text)

    with pytest.raises(InputError, match=r"DEEPCHORD_BROKER .*is not valid: .*string") as caught:
        load_settings()

    assert "geheim" not in str(caught.value)


def test_secrets_are_in_no_repr():
    settings = Settings(broker="redis://:geheim@h/0", flower_password="geheim!!", signing_key="geheim" * 3)

    assert "geheim" not in repr(settings)


def test_a_broker_url_cannot_switch_the_check_of_its_certificate_off():
    with pytest.raises(InputError, match="is always checked"):
        load_settings(broker="rediss://h:6379/0?ssl_cert_reqs=none")


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, None), ({"threads": 2}, 6), ({"threads": 2, "evaluation_threads": 1}, 1)],
)
def test_workers_that_are_started_together_evaluate_with_all_their_threads(given, expected):
    assert load_settings(**given).for_workers(3).evaluation_threads == expected


def test_the_home_of_a_user_that_there_is_not_is_a_folder_like_any_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    settings = load_settings(storage="~nobody-of-that-name/x", state=Path("~nobody-of-that-name/y"))

    assert settings.storage == str(tmp_path / "~nobody-of-that-name" / "x")
    assert settings.state == tmp_path / "~nobody-of-that-name" / "y"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("threads = " + "1" * 5000, r"Settings file .* is not valid TOML: .*digits"),
        (
            "visibility_timeout_s = 0x" + "f" * 4000,
            r"VISIBILITY_TIMEOUT_S is not valid: .*found something far too long",
        ),
        ("threads = " + "[" * 2000, r"A setting in the environment or in .*settings.toml is nested too deeply"),
        ('results = "a\\u0000b"', r"DEEPCHORD_RESULTS is not valid: it holds a control character"),
        ("lease_s = inf", r"DEEPCHORD_LEASE_S is not valid: .*less than or equal to"),
        ("connect_timeout_s = nan", r"DEEPCHORD_CONNECT_TIMEOUT_S is not valid"),
        ('flower_address = ""', r"DEEPCHORD_FLOWER_ADDRESS is not valid: .*at least 1 character"),
        ('device = ""', r"DEEPCHORD_DEVICE is not valid: .*at least 1 character"),
        ('ca_file = "/dev/zero"', r"expected a file with certificates in PEM, and /dev/zero is no file"),
        (f"broker = '{'x' * 5000}'", r"DEEPCHORD_BROKER is not valid: .{60,400}$"),
    ],
)
def test_what_no_setting_can_be_is_refused_in_one_sentence(text, sentence):
    write_file(text)

    with pytest.raises(InputError, match=sentence):
        load_settings()


def taken_or_refused() -> tuple[Settings | None, str]:
    try:
        return load_settings(), ""
    except InputError as error:
        return None, str(error)


NAMES = st.sampled_from(sorted(Settings.model_fields))
VALUES = st.one_of(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))), st.integers().map(str))


@given(
    variables=st.dictionaries(NAMES, VALUES, max_size=3),
    lines=st.lists(st.tuples(NAMES, st.one_of(VALUES, VALUES.map(repr), st.floats().map(str))), max_size=3),
    more=st.binary(max_size=4),
)
def test_whatever_settings_hold_is_taken_for_all_processes_or_refused_in_one_sentence(variables, lines, more):
    path = write_file("\n".join(f"{name} = {value}" for name, value in lines).encode() + more)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(f"DEEPCHORD_{name.upper()}", value)
        settings, refusal = taken_or_refused()
        if settings is None:
            assert printable(refusal) == refusal
            assert "\n" not in refusal
            assert 20 < len(refusal) < 1000
            return
        handed_on = settings.environment()
        for name in os.environ:
            environment.delenv(name)
        for name, value in handed_on.items():
            environment.setenv(name, value)
        path.unlink()
        assert load_settings() == settings


def test_addresses_are_a_list_in_the_file_words_in_the_environment_and_each_counts_once(monkeypatch):
    write_file('notify = ["https://a/b", "ntfy://c"]\ntrack = "tensorboard:board"')
    assert load_settings().notify == ("https://a/b", "ntfy://c")
    assert load_settings().track == ("tensorboard:board",)

    monkeypatch.setenv("DEEPCHORD_NOTIFY", " https://d/e  https://f/g https://d/e")
    assert load_settings().notify == ("https://d/e", "https://f/g")
    assert load_settings(notify=["mailto://h"]).notify == ("mailto://h",)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("NOTIFY", f"https://a/b /{SECRET}/", "Setting DEEPCHORD_NOTIFY is not valid: its entry 2 is no address"),
        ("TRACK", f"/{SECRET}", "Setting DEEPCHORD_TRACK is not valid: its entry 1 is no address"),
        ("NOTIFY_SECRET", SECRET, "Setting DEEPCHORD_NOTIFY_SECRET is not valid: string should have at least 16"),
        ("SERVE_TOKEN", SECRET, "Setting DEEPCHORD_SERVE_TOKEN is not valid: string should have at least 16"),
        ("NOTIFY_SECRET", f"{SECRET} with some spaces", "Setting DEEPCHORD_NOTIFY_SECRET is not valid: a token has"),
    ],
)
def test_addresses_and_secrets_that_are_none_are_refused_without_being_shown(monkeypatch, name, value, sentence):
    monkeypatch.setenv(f"DEEPCHORD_{name}", value)

    with pytest.raises(InputError, match=sentence) as caught:
        load_settings()

    assert SECRET not in str(caught.value)


def test_child_processes_get_neither_addresses_nor_what_signs_notices(monkeypatch):
    for name in ("NOTIFY", "TRACK"):
        monkeypatch.setenv(f"DEEPCHORD_{name}", f"mlflow://{SECRET}")
    settings = load_settings(notify_secret=f"{SECRET}-of-sixteen-letters")

    assert [value for value in settings.environment().values() if SECRET in value] == []
    assert SECRET not in repr(settings)
