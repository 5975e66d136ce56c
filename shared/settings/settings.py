"""The one `Settings` object: where it is read from, its fields, and how child processes get it."""

import json
import os
import platform
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from deepchord.shared.process import without_foreign_variables
from deepchord.shared.settings.amounts import checked_hours, seconds, size_bytes
from deepchord.shared.settings.environment import (
    ENVIRONMENT_PREFIX,
    SETTINGS_FILE_VARIABLE,
    settings_file,
)
from deepchord.shared.settings.plaidml_hardware import PlaidMLHardware
from deepchord.shared.settings.urls import broker_url
from deepchord.shared.settings.values import (
    MAX_DURATION_S,
    certificates_file,
    checked_addresses,
    checked_flower_password,
    checked_flower_path,
    checked_token,
    listed,
    storage_url,
    with_home,
    without_control_characters,
)

#: Secrets have checks of their own, whose messages do not show them.
_SECRETS = ("flower_password", "serve_token", "dashboard_token", "notify_secret")
#: Child processes do not get these: only who follows a run needs them, and they may hold secrets.
_OF_WHO_FOLLOWS = {"notify", "notify_secret", "track"}

Seconds = Annotated[float, Field(gt=0, le=MAX_DURATION_S)]
Threads = Annotated[int, Field(ge=1, le=4096)]
#: Seconds that may be written as `90s`, `30m` or `1h30m`.
Duration = Annotated[float, BeforeValidator(seconds), Field(gt=0, le=MAX_DURATION_S)]
#: In the environment: addresses with spaces between them.
Addresses = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """The settings of a command. An option wins over the variable `DEEPCHORD_<NAME>`, that over the settings file.

    Settings say where things are and what they may use. What decides the result of a run is in its recipe, not here.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True, validate_default=True, env_ignore_empty=True
    )

    #: Redis or Valkey: `redis://[:password@]host:port/db`, `rediss://…` or `unix:///path?db=0`; None: an embedded one.
    broker: str | None = Field(default=None, repr=False)
    #: Where runs, weights and data sets are kept: a path, `file:///folder`, `s3://bucket/prefix`, or `broker://` for
    #: the broker itself.
    storage: str = Field(default_factory=lambda: str(Path(platformdirs.user_data_dir("deepchord", False)) / "storage"))
    #: A PEM file of certificate authorities that are trusted for rediss:// and S3, in addition to the system's.
    ca_file: Path | None = None
    #: One key for all coordinators and workers of a fleet: workers with a key train only what is signed with it.
    signing_key: str | None = Field(default=None, min_length=16, repr=False)
    #: Where this host keeps copies of data sets, and the compiled programs of JAX.
    cache: Path = Field(default_factory=lambda: Path(platformdirs.user_cache_dir("deepchord", False)))
    #: Where this host keeps the records and logs of embedded brokers and workers, device locks, and measured speeds.
    state: Path = Field(default_factory=lambda: Path(platformdirs.user_state_dir("deepchord", False)))
    #: The engine that trains; `auto` takes the first that is installed, in this order.
    engine: Literal["auto", "tensorflow", "torch", "jax", "plaidml"] = "auto"
    #: The device of the engine: its id in `deepchord devices`, or `gpu` or `cpu`; None: the best device of any kind.
    device: Annotated[str, Field(min_length=1)] | None = None
    #: How PlaidML uses its devices; each key is a regular expression for their ids.
    plaidml_hardware: dict[str, PlaidMLHardware] = Field(default_factory=dict)
    #: Whether a worker tests its device with a small problem of known result before its first member.
    preflight: bool = True
    #: Processor threads of one worker; None: all cores, shared evenly between the workers of this machine.
    threads: Threads | None = None
    #: Processor threads of an evaluation, on engines that can use more than `threads` for it; None: `threads`. Workers
    #: that start together get the threads of all of them.
    evaluation_threads: Threads | None = None
    #: Whether `train` starts its own broker and workers on this machine, even if a broker is set.
    local: bool = False
    #: How many workers `train` starts on this machine, and `worker` on each device; None: the fastest number, measured.
    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    #: Whether `worker` trains only while nobody uses the machine.
    when_idle: bool = False
    #: With `when_idle`: for how long keyboard and mouse must have been left alone.
    idle_s: Duration = 300.0
    #: With `when_idle`: how many cores all other programs may keep busy together.
    load_limit: Annotated[float, Field(gt=0, le=4096)] = 0.5
    #: When `worker` trains, in local time, such as `19:00-07:00`; None: at any hour.
    hours: str | None = None
    #: Whether `worker` ends when nothing waits for it.
    until_empty: bool = False
    #: After this time `worker` hands its members over and ends; None: never.
    end_after_s: Duration | None = None
    #: After so many members `worker` ends; None: never.
    end_after_members: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    #: By how much the processes of `worker` give way to others, as `nice` does; 0: not at all.
    nice: Annotated[int, Field(ge=0, le=19)] = 0
    #: How much memory the processes of `worker` may have together; None: any.
    memory_limit_bytes: Annotated[int, BeforeValidator(size_bytes), Field(ge=2**26, le=2**50)] | None = None
    #: Whether `train` returns as soon as the run is submitted.
    detach: bool = False
    #: Whether `train` also starts Flower.
    flower: bool = False
    #: The folder that gets one folder of results for each run.
    results: Path = Path("results")
    #: In a container: the path of that folder on the host, where people open links to results.
    results_on_host: Path | None = None
    #: The name of this machine in lists, records and logs; the generated name of a container means nothing to people.
    host: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        default_factory=lambda: platform.node() or "unknown"
    )
    #: The format of logs: lines for people, or one JSON object for each line.
    log_format: Literal["text", "json"] = "text"
    #: How many attempts a member has before it gets a failed record.
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    #: After this time without acknowledgement the broker gives a task to another worker. It must be longer than the
    #: training of any member.
    visibility_timeout_s: Annotated[int, Field(ge=1, le=MAX_DURATION_S)] = 24 * 3600
    #: After this time without a renewed lease another worker may take over a member.
    lease_s: Annotated[float, Field(ge=1.0, le=MAX_DURATION_S)] = 30.0
    #: How long a worker may take to hand over its member when it is stopped.
    grace_s: Seconds = 60.0
    #: A training process that finishes no step for this long is considered hung, and is ended.
    stall_timeout_s: Seconds = 900.0
    #: How long a command waits for an answer of the broker.
    connect_timeout_s: Seconds = 5.0
    #: The address that Flower listens on; use 0.0.0.0 only behind a proxy that encrypts.
    flower_address: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    #: The port that Flower listens on; 0: a free one.
    flower_port: Annotated[int, Field(ge=0, le=65535)] = 5555
    #: The path of Flower's page, for a proxy that forwards whole paths; None: the root.
    flower_prefix: str | None = None
    #: The password of Flower's user `deepchord`; None: a new one at each start, which is printed.
    flower_password: str | None = Field(default=None, min_length=8, repr=False)
    #: What clients of `deepchord serve` have to send; None: nothing, and only this machine is served.
    serve_token: str | None = Field(default=None, min_length=16, repr=False)
    #: Who is told how a run goes that this command looks after: webhooks, and addresses of Apprise (`ntfy://topic`).
    notify: Addresses = Field(default=(), repr=False)
    #: What notices to webhooks are signed with; None: they are not signed.
    notify_secret: str | None = Field(default=None, min_length=16, repr=False)
    #: Where the runs that this command looks after are recorded, too: `mlflow:URI`, `tensorboard:FOLDER`.
    track: Addresses = Field(default=(), repr=False)
    #: What viewers of `deepchord dashboard` have to give; None: nothing to look, and only this machine is served.
    dashboard_token: str | None = Field(default=None, min_length=16, repr=False)

    @field_validator("broker")
    @classmethod
    def _check_broker(cls, url: str | None) -> str | None:
        if url is not None and "ssl_" in url.partition("?")[2]:
            raise ValueError(
                "the certificate of a rediss:// broker is always checked, so its URL takes no ssl_ parameter; "
                "DEEPCHORD_CA_FILE names an authority of one's own"
            )
        return None if url is None else broker_url(url)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_control_characters(cls, value: object, field: ValidationInfo) -> object:
        return value if field.field_name in _SECRETS else without_control_characters(value)

    _check_flower_password = field_validator("flower_password")(checked_flower_password)
    _check_tokens = field_validator("serve_token", "dashboard_token", "notify_secret")(checked_token)
    _split_addresses = field_validator("notify", "track", mode="before")(listed)
    _check_addresses = field_validator("notify", "track")(checked_addresses)
    _check_flower_prefix = field_validator("flower_prefix")(checked_flower_path)
    _check_hours = field_validator("hours")(checked_hours)
    _check_ca_file = field_validator("ca_file")(certificates_file)
    _make_storage_absolute = field_validator("storage")(storage_url)
    _expand_home = field_validator("results")(with_home)

    @field_validator("cache", "state")
    @classmethod
    def _make_absolute(cls, folder: Path) -> Path:
        return with_home(folder).absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings passes it by name; unused
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources in their order: options, environment, settings file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())

    def for_workers(self, workers: int) -> "Settings":
        """Return the settings for this many workers of one machine: an evaluation gets the threads of all of them."""
        if self.threads is None or self.evaluation_threads is not None:
            return self
        return self.model_copy(update={"evaluation_threads": workers * self.threads})

    def environment(self) -> dict[str, str]:
        """Return the environment for a child process that gets these settings and reads no settings file.

        What only who follows a run needs is left out: whom to tell, and where to record.
        """
        names = setting_variables()
        inherited = {name: value for name, value in without_foreign_variables(os.environ).items() if name not in names}
        given = self.model_dump(mode="json", exclude_none=True, exclude=_OF_WHO_FOLLOWS)
        values = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in given.items()}
        variables = {ENVIRONMENT_PREFIX + name.upper(): value for name, value in values.items()}
        return inherited | variables | {SETTINGS_FILE_VARIABLE: os.devnull}


def export_settings(settings: Settings, **variables: str) -> None:
    """Put exactly these settings, and further variables, into the environment of this process, for its children."""
    environment = settings.environment()
    for name in setting_variables() & os.environ.keys():
        del os.environ[name]
    os.environ.update(environment | variables)


def setting_variables() -> set[str]:
    """Return the names of the environment variables that hold settings."""
    return {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields}
