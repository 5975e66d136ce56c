"""The broker as a server: connections that work, and what all hosts share in it, such as leases and progress."""

from deepchord.shared.broker.clock import MOST_SKEW_S, describe_skew, skew_of
from deepchord.shared.broker.connection import KEY_PREFIX, connect, connect_lazily, encryption, refusal, text_of, told
from deepchord.shared.broker.leases import RENEWED_WITHIN_S, Held, Holder, Leases, evaluation_lease, member_lease
from deepchord.shared.broker.probe import RepeatedProbe, probe_broker, refuse_hopeless, trouble_of
from deepchord.shared.broker.progress_board import ProgressBoard
from deepchord.shared.broker.states import facts_of, state_of
from deepchord.shared.broker.worker_registry import KEEP_S, WorkerBoard, WorkerLine, WorkerNote

__all__ = [
    "KEEP_S",
    "KEY_PREFIX",
    "MOST_SKEW_S",
    "RENEWED_WITHIN_S",
    "Held",
    "Holder",
    "Leases",
    "ProgressBoard",
    "RepeatedProbe",
    "WorkerBoard",
    "WorkerLine",
    "WorkerNote",
    "connect",
    "connect_lazily",
    "describe_skew",
    "encryption",
    "evaluation_lease",
    "facts_of",
    "member_lease",
    "probe_broker",
    "refusal",
    "refuse_hopeless",
    "skew_of",
    "state_of",
    "text_of",
    "told",
    "trouble_of",
]
