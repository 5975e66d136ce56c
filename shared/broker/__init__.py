"""The broker as a server: how to connect to it, how to find out what is wrong with it, and what all hosts share in it.

Hosts share leases, the list of workers and the progress of members. All of these may be lost without harm.
"""

from deepchord.shared.broker.clock import MAX_SKEW_S, clock_skew_s, describe_skew
from deepchord.shared.broker.connection import (
    KEY_PREFIX,
    as_text,
    configured_url,
    connect,
    connect_lazily,
    describe_error,
    permanent_error,
    tls_options,
)
from deepchord.shared.broker.leases import (
    RENEWAL_INTERVAL_S,
    HeldLease,
    Holder,
    Leases,
    Limit,
    count_training,
    evaluation_lease,
    member_lease,
    study_lease,
)
from deepchord.shared.broker.probe import RepeatedProbe, find_trouble, probe_broker, refuse_unusable_broker
from deepchord.shared.broker.progress_board import ProgressBoard
from deepchord.shared.broker.states import broker_state, server_info
from deepchord.shared.broker.worker_registry import WORKER_TTL_S, WorkerInfo, WorkerRegistry, WorkerStatus

__all__ = [
    "KEY_PREFIX",
    "MAX_SKEW_S",
    "RENEWAL_INTERVAL_S",
    "WORKER_TTL_S",
    "HeldLease",
    "Holder",
    "Leases",
    "Limit",
    "ProgressBoard",
    "RepeatedProbe",
    "WorkerInfo",
    "WorkerRegistry",
    "WorkerStatus",
    "as_text",
    "broker_state",
    "clock_skew_s",
    "configured_url",
    "connect",
    "connect_lazily",
    "count_training",
    "describe_error",
    "describe_skew",
    "evaluation_lease",
    "find_trouble",
    "member_lease",
    "permanent_error",
    "probe_broker",
    "refuse_unusable_broker",
    "server_info",
    "study_lease",
    "tls_options",
]
