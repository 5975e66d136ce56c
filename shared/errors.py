"""The error tree of deepchord, one root, and the exit codes that its commands end with."""

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended; documented in docs/cli.md."""

    #: The command did what was asked.
    OK = 0
    #: A defect in deepchord: an exception that nobody foresaw.
    DEFECT = 1
    #: Bad input or surroundings: an option, a file, a broker or storage that does not answer, a full disk.
    BAD_INPUT = 2
    #: The run ended as failed: fewer members than `min_members` were trained, or its evaluation failed.
    RUN_FAILED = 3
    #: The run cannot go on here: the workers on this machine stopped although members are left; this worker gave up.
    WORKERS_STOPPED = 4
    #: Somebody cancelled the run; it can be resumed.
    CANCELLED = 5
    #: Interrupted with Ctrl-C, or by one of `TERMINATION_SIGNALS`.
    INTERRUPTED = 130
    #: Whoever read the output stopped: what a shell says of a program that SIGPIPE has ended.
    OUTPUT_CLOSED = 141


#: What ends a command as Ctrl-C does: told to end, the terminal is gone, Ctrl-\\; not all of them are there on Windows.
TERMINATION_SIGNALS = tuple(
    signal.Signals[name] for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if name in signal.Signals.__members__
)

#: How the process of a worker ends that was told to stop, also while it was still being loaded.
STOPPED_EXIT_CODES = (ExitCode.OK, -signal.SIGTERM)


class DeepchordError(Exception):
    """Root of every error that deepchord raises on purpose; its message says what to do."""

    exit_code = ExitCode.BAD_INPUT


class InputError(DeepchordError):
    """A recipe, an option or a setting that is not valid."""


class MessageDecodeError(DeepchordError):
    """Something from the wire or from storage is not the message that was expected."""


class OtherVersionError(MessageDecodeError):
    """Something was written by a deepchord whose messages differ from this one's."""


class DamagedRecordError(MessageDecodeError):
    """What lies where a member's record should is none, or another member's; it can be kept aside."""

    def __init__(self, message: str, data: bytes | None = None) -> None:
        """Take the message, and the bytes that were read; None if they could not be, as of what is no file."""
        super().__init__(message)
        self.data = data


class SignatureError(MessageDecodeError):
    """A message is not signed with this fleet's key."""


class DatasetError(DeepchordError):
    """A data set was not found, or what was found is not usable."""


class CheckpointError(DeepchordError):
    """A weight file is damaged, not HDF5, or does not fit the network."""


class StorageError(DeepchordError):
    """The storage cannot be reached, written or read."""

    #: Whether it is of no use to try again until somebody has done something about it.
    permanent = False

    def __init__(self, message: str, *, permanent: bool | None = None) -> None:
        """Take the message, and what is known of `permanent`."""
        super().__init__(message)
        if permanent is not None:
            self.permanent = permanent


class ObjectNotFoundError(StorageError):
    """Storage holds nothing under the key."""

    permanent = True


class CorruptObjectError(StorageError):
    """What storage holds does not have the SHA-256 that was recorded for it."""

    permanent = True


class RunNotFoundError(StorageError):
    """Storage holds no run of that name."""

    permanent = True


class BrokerError(DeepchordError):
    """The broker cannot be reached, refuses the credentials, or is of no use as it is."""

    #: Whether it may pass by itself, or by what somebody does at the broker.
    transient = False

    def __init__(self, message: str, *, transient: bool | None = None) -> None:
        """Take the message, and what is known of `transient`."""
        super().__init__(message)
        if transient is not None:
            self.transient = transient


class EngineError(DeepchordError):
    """An engine is not installed or cannot do what was asked."""


class DivergedError(EngineError):
    """What a network computes is no number any more: the same seeds and recipe lead there again."""


class WorkersStoppedError(DeepchordError):
    """The workers on this machine stopped although members are left to train."""

    exit_code = ExitCode.WORKERS_STOPPED


class RunFailedError(DeepchordError):
    """The run ended without an ensemble evaluation."""

    exit_code = ExitCode.RUN_FAILED


class RunCancelledError(DeepchordError):
    """Somebody cancelled the run."""

    exit_code = ExitCode.CANCELLED


class InterruptedRunError(DeepchordError):
    """Somebody pressed Ctrl-C, or ended the command otherwise; the message says what goes on and what does not."""

    exit_code = ExitCode.INTERRUPTED


class OutputError(DeepchordError):
    """What the command says cannot be written: a full disk, say."""


class OutputClosedError(OutputError):
    """Nobody reads what the command says: the pipe was closed, by `head`, say. Without a message nothing is told."""

    exit_code = ExitCode.OUTPUT_CLOSED
