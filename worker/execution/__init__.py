"""Handles one message of the queue: trains a member, evaluates an ensemble or studies one, under a lease."""

from deepchord.worker.execution.epoch_saver import EpochSaver
from deepchord.worker.execution.evaluation_task import handle_evaluation
from deepchord.worker.execution.member_task import handle_member, report_out_of_reach
from deepchord.worker.execution.progress_reporter import report_to_flower
from deepchord.worker.execution.redelivery import other_workers, redeliver, settle
from deepchord.worker.execution.resumption import Resumption
from deepchord.worker.execution.study_task import handle_study

__all__ = [
    "EpochSaver",
    "Resumption",
    "handle_evaluation",
    "handle_member",
    "handle_study",
    "other_workers",
    "redeliver",
    "report_out_of_reach",
    "report_to_flower",
    "settle",
]
