"""The task queue in the broker: task names, Celery's configuration, and a transport that survives damaged messages.

Workers take messages by the shares of runs, not by their arrival.

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
from deepchord.shared.queue.share_board import ShareBoard
from deepchord.shared.queue.signing import check_signature, sign
from deepchord.shared.queue.waiting import Look, look

__all__ = [
    "DRAIN",
    "EVALUATE_ENSEMBLE",
    "EVALUATE_STUDY",
    "QUEUE",
    "TRAIN_MEMBER",
    "WORKER_OPTIONS",
    "Look",
    "ShareBoard",
    "check_signature",
    "create_app",
    "look",
    "queue_for",
    "queue_length",
    "queued_task_ids",
    "served_queues",
    "sign",
    "task_id",
]
