"""The error tree of deepchord with its one root, and the exit codes of its commands."""

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of all commands; documented in docs/cli.md."""

    #: The command did what was asked.
    OK = 0
    #: A bug in deepchord: an unexpected exception.
    DEFECT = 1
    #: Bad input or a bad environment: an option, a file, a broker or storage that does not answer, a full disk.
    BAD_INPUT = 2
    #: The run failed: fewer members than `min_members` were trained, or its evaluation failed.
    RUN_FAILED = 3
    #: The run cannot continue here: the workers on this machine stopped although members are left, or a worker gave up.
    WORKERS_STOPPED = 4
    #: The run was cancelled; it can be resumed.
    CANCELLED = 5
    #: The command was interrupted with Ctrl-C, or by one of `TERMINATION_SIGNALS`.
    INTERRUPTED = 130
    #: The reader of the output stopped; shells report the same code for a program that SIGPIPE ended.
    OUTPUT_CLOSED = 141


#: The signals that end a command as Ctrl-C does: terminate, closed terminal, Ctrl-\\. Windows has not all of them.
TERMINATION_SIGNALS = tuple(
    signal.Signals[name] for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if name in signal.Signals.__members__
)

#: The exit codes of a worker process that was asked to stop, also if it was still loading.
STOPPED_EXIT_CODES = (ExitCode.OK, -signal.SIGTERM)


class DeepchordError(Exception):
    """The root of all errors that deepchord raises on purpose; the message says what to do."""

    exit_code = ExitCode.BAD_INPUT


class InputError(DeepchordError):
    """A recipe, an option or a setting that is not valid."""


class MessageDecodeError(DeepchordError):
    """Data from the broker or from storage is not the expected message."""


class OtherVersionError(MessageDecodeError):
    """Data was written by a version of deepchord with other messages."""


class DamagedRecordError(MessageDecodeError):
    """The object under the key of a record is not a record, or is another member's; it can be moved aside."""

    def __init__(self, message: str, data: bytes | None = None) -> None:
        """Take the message and the bytes that were read; None if they could not be read."""
        super().__init__(message)
        self.data = data


class SignatureError(MessageDecodeError):
    """A message is not signed with the key of this fleet."""


class DatasetError(DeepchordError):
    """A data set was not found, or cannot be used."""


class CheckpointError(DeepchordError):
    """A weight file is damaged, not HDF5, or does not fit the network."""


class StorageError(DeepchordError):
    """The storage cannot be reached, written or read."""

    #: Whether a retry fails until somebody has fixed the cause.
    permanent = False

    def __init__(self, message: str, *, permanent: bool | None = None) -> None:
        """Take the message, and `permanent` if it is known."""
        super().__init__(message)
        if permanent is not None:
            self.permanent = permanent


class ObjectNotFoundError(StorageError):
    """Storage holds no object under the key."""

    permanent = True


class CorruptObjectError(StorageError):
    """An object does not have its recorded SHA-256, or is not a readable object."""

    permanent = True


class RunNotFoundError(StorageError):
    """Storage holds no run with this id."""

    permanent = True


class BrokerError(DeepchordError):
    """The broker cannot be reached, refuses the credentials, or cannot be used."""

    #: Whether the broker may recover by itself, or after a change at the broker alone.
    transient = False

    def __init__(self, message: str, *, transient: bool | None = None) -> None:
        """Take the message, and `transient` if it is known."""
        super().__init__(message)
        if transient is not None:
            self.transient = transient


class EngineError(DeepchordError):
    """An engine is not installed, or cannot do what was asked."""


class DivergedError(EngineError):
    """A network computes NaN or infinity; the same seeds and recipe lead to the same result."""


class NoticeError(DeepchordError):
    """Somebody who is to be told how a run goes cannot be told; the message does not show the address."""

    #: Whether it may work in a moment.
    transient = False

    def __init__(self, message: str, *, transient: bool = False) -> None:
        """Take the message, and whether it may work in a moment."""
        super().__init__(message)
        self.transient = transient


class TrackerError(DeepchordError):
    """A tracker of experiments, such as MLflow, cannot be written to."""


class WorkersStoppedError(DeepchordError):
    """The workers on this machine stopped although members are left to train."""

    exit_code = ExitCode.WORKERS_STOPPED


class RunFailedError(DeepchordError):
    """The run ended without an evaluation."""

    exit_code = ExitCode.RUN_FAILED


class RunCancelledError(DeepchordError):
    """The run was cancelled."""

    exit_code = ExitCode.CANCELLED


class InterruptedRunError(DeepchordError):
    """The command was interrupted, by Ctrl-C for example; the message says what continues and what does not."""

    exit_code = ExitCode.INTERRUPTED


class OutputError(DeepchordError):
    """The output of a command cannot be written, because of a full disk for example."""


class OutputClosedError(OutputError):
    """Nobody reads the output any more: the pipe was closed, by `head` for example. It has no message to print."""

    exit_code = ExitCode.OUTPUT_CLOSED
