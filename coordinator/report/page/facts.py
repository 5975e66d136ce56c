"""Facts of the first screen that every ensemble has, whatever it predicts: members, engines, time."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from deepchord.coordinator.report.content import EnsembleContent, count, duration
from deepchord.shared.messages import Trainer


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One of the facts beside the headline."""

    label: str
    value: str
    more: str = ""


def members_fact(content: EnsembleContent) -> Fact:
    """Return how many members there are, and of how many that were asked for."""
    evaluation = content.evaluation
    if not content.records:
        return Fact(label="Weight files", value=str(evaluation.trained))
    failed = len(content.failed)
    others = evaluation.requested - evaluation.trained - failed
    more = [f"{failed} failed"] if failed else []
    more += [f"{others} not in the ensemble"] if others > 0 else []
    return Fact(label="Members trained", value=f"{evaluation.trained} of {evaluation.requested}", more=", ".join(more))


def engines_fact(content: EnsembleContent) -> Fact:
    """Return what trained, and where."""
    trainers = [member.trainer for member in content.trained.values()]
    if not trainers:
        evaluator = content.evaluation.evaluator
        return Fact(label="Evaluated on", value=evaluator.engine, more=f"{evaluator.device}, {evaluator.host}")
    hosts = len({trainer.host for trainer in trainers})
    devices = Counter(trainer.device for trainer in trainers)
    more = next(iter(devices)) if len(devices) == 1 else count(len(devices), "device")
    where = trainers[0].host if hosts == 1 else count(hosts, "host")
    return Fact(label="Engine", value=engines_text(trainers), more=f"{more}, {where}")


def engines_text(trainers: Iterable[Trainer]) -> str:
    """Return the engines that trained, most members first: `tensorflow`, or `plaidml (6), torch (4)`."""
    engines = Counter(trainer.engine for trainer in trainers)
    if len(engines) == 1:
        return next(iter(engines))
    return ", ".join(f"{engine}\u00a0({members})" for engine, members in engines.most_common())


def time_facts(content: EnsembleContent) -> tuple[Fact, ...]:
    """Return how long it all took, as far as that is known."""
    members, start = content.trained.values(), content.started_at
    if start is None:
        return (Fact(label="Evaluation took", value=duration(content.evaluation.duration_s)),)
    end = max(member.finished_at for member in members)
    training = sum(member.duration_s for member in members)
    return (
        Fact(
            label="Total time",
            value=duration(max(0.0, (end - start).total_seconds())),
            more=f"first start to last finish; {duration(max(0.0, training))} of training",
        ),
    )
