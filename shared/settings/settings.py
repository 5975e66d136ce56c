"""The one Settings object; nothing else in deepchord reads the environment."""

import json
import os
import platform
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from deepchord.shared.process import without_foreign_variables
from deepchord.shared.settings.environment import (
    ENVIRONMENT_PREFIX,
    SETTINGS_FILE_VARIABLE,
    settings_file,
)
from deepchord.shared.settings.plaidml_hardware import PlaidMLHardware
from deepchord.shared.settings.urls import broker_url
from deepchord.shared.settings.values import (
    LONGEST_S,
    certificates_file,
    password_of_flower,
    path_of_flower,
    storage_url,
    with_home,
    without_control_characters,
)

Seconds = Annotated[float, Field(gt=0, le=LONGEST_S)]
Threads = Annotated[int, Field(ge=1, le=4096)]


class Settings(BaseSettings):
    """Where things are and what they may use: an option on the command line, `DEEPCHORD_<NAME>`, the file, default.

    Whatever decides the result of a run stands in its recipe, not here.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True, validate_default=True, env_ignore_empty=True
    )

    #: Redis or Valkey, `redis://[:password@]host:port/db`, `rediss://…`, `unix:///path?db=0`; none: the embedded one.
    broker: str | None = Field(default=None, repr=False)
    #: Where runs, weights and data sets are kept: a plain path, `file:///folder`, `s3://bucket/prefix`, or `broker://`
    #: for the broker itself.
    storage: str = Field(default_factory=lambda: str(Path(platformdirs.user_data_dir("deepchord", False)) / "storage"))
    #: Certificates of authorities, PEM, that are trusted for rediss:// and S3 beside the system's.
    ca_file: Path | None = None
    #: The same for coordinators and workers of a fleet: workers that have one train only what is signed with it.
    signing_key: str | None = Field(default=None, min_length=16, repr=False)
    #: Where this host keeps copies of data sets, and what JAX has compiled.
    cache: Path = Field(default_factory=lambda: Path(platformdirs.user_cache_dir("deepchord", False)))
    #: Where embedded brokers and local workers leave their pid files and logs.
    state: Path = Field(default_factory=lambda: Path(platformdirs.user_state_dir("deepchord", False)))
    #: What trains; `auto` takes the first that is installed, in this order.
    engine: Literal["auto", "tensorflow", "torch", "jax", "plaidml"] = "auto"
    #: The device of the engine, by its id in `deepchord devices`; `gpu`, `cpu`: of that kind; none: of any.
    device: Annotated[str, Field(min_length=1)] | None = None
    #: How PlaidML is to use devices, by a regular expression for their ids.
    plaidml_hardware: dict[str, PlaidMLHardware] = Field(default_factory=dict)
    #: Whether a worker lets its device solve a small problem with a known answer before its first member.
    preflight: bool = True
    #: Processor threads of one worker; none: all cores, shared evenly between the workers of this machine.
    threads: Threads | None = None
    #: Processor threads of an evaluation, on engines that can use more than `threads` for it; none: as many. Workers
    #: that are started together are told the threads of all of them.
    evaluation_threads: Threads | None = None
    #: Whether `train` starts a broker and workers on this machine although a broker is given here.
    local: bool = False
    #: How many workers `train` starts on this machine, and `worker` on each device; none: what a measurement finds.
    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    #: Whether `train` returns as soon as the run is submitted.
    detach: bool = False
    #: Whether `train` starts Flower beside it.
    flower: bool = False
    #: Below which folder each run's results go.
    results: Path = Path("results")
    #: In a container: what that folder is called on its host, where people open what links lead to.
    results_on_host: Path | None = None
    #: What this machine is called in lists, records and logs; a container's own name says nothing to people.
    host: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        default_factory=lambda: platform.node() or "unknown"
    )
    #: How logs are written: lines for people, or one JSON object a line.
    log_format: Literal["text", "json"] = "text"
    #: How often a member is tried before it becomes a failed record.
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    #: After so many seconds without acknowledgement the broker hands a task to another worker: above the longest
    #: member's training time.
    visibility_timeout_s: Annotated[int, Field(ge=1, le=LONGEST_S)] = 24 * 3600
    #: After so many seconds without a sign of life from whoever trains a member another worker may take it.
    lease_s: Annotated[float, Field(ge=1.0, le=LONGEST_S)] = 30.0
    #: So long a worker that is told to stop may take to hand its member over.
    grace_s: Seconds = 60.0
    #: A training process in which no step has ended for so long is taken for stopped, and ended.
    stall_timeout_s: Seconds = 900.0
    #: How long a command waits for the broker to answer before it gives up.
    connect_timeout_s: Seconds = 5.0
    #: Where Flower listens on this machine; 0.0.0.0 only behind something that encrypts.
    flower_address: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    #: The port that it listens on; 0: a free one.
    flower_port: Annotated[int, Field(ge=0, le=65535)] = 5555
    #: Below which path its page is, for a proxy that hands on whole paths; none: at the root.
    flower_prefix: str | None = None
    #: What Flower's user `deepchord` is asked for; none: a new one each time, which is then told.
    flower_password: str | None = Field(default=None, min_length=8, repr=False)

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
        # Passwords have a check of their own, which says all that they may be.
        return value if field.field_name == "flower_password" else without_control_characters(value)

    _check_flower_password = field_validator("flower_password")(password_of_flower)
    _check_flower_prefix = field_validator("flower_prefix")(path_of_flower)
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
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - named by pydantic-settings; no such source here
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: options, environment, file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())

    def for_workers(self, workers: int) -> "Settings":
        """Return what so many workers of this machine are told: an evaluation has the threads of all of them."""
        if self.threads is None or self.evaluation_threads is not None:
            return self
        return self.model_copy(update={"evaluation_threads": workers * self.threads})

    def environment(self) -> dict[str, str]:
        """Return the environment for a child process that is to see these very settings, whatever the file says."""
        ours = setting_variables()
        inherited = {name: value for name, value in without_foreign_variables(os.environ).items() if name not in ours}
        given = self.model_dump(mode="json", exclude_none=True)
        values = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in given.items()}
        variables = {ENVIRONMENT_PREFIX + name.upper(): value for name, value in values.items()}
        return inherited | variables | {SETTINGS_FILE_VARIABLE: os.devnull}


def export_settings(settings: Settings, **variables: str) -> None:
    """Put settings and further variables into this process's own environment, for the children that it starts."""
    os.environ.update(settings.environment() | variables)


def setting_variables() -> set[str]:
    """Return the names of the environment variables that hold settings."""
    return {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields}
