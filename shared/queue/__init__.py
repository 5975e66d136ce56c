"""The task queue in the broker: task names, Celery's configuration, and a transport that survives damaged messages.

Coordinator, workers and Flower create their Celery application here.
"""

from deepchord.shared.queue.celery_app import (
    DRAIN,
    EVALUATE_ENSEMBLE,
    EVALUATE_STUDY,
    QUEUE,
    TRAIN_MEMBER,
    WORKER_OPTIONS,
    create_app,
    queue_for,
    served_queues,
)
from deepchord.shared.queue.messages import task_id
from deepchord.shared.queue.queued import queue_length, queued_task_ids
from deepchord.shared.queue.signing import check_signature, sign

__all__ = [
    "DRAIN",
    "EVALUATE_ENSEMBLE",
    "EVALUATE_STUDY",
    "QUEUE",
    "TRAIN_MEMBER",
    "WORKER_OPTIONS",
    "check_signature",
    "create_app",
    "queue_for",
    "queue_length",
    "queued_task_ids",
    "served_queues",
    "sign",
    "task_id",
]
