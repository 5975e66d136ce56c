"""The phrases that the views of a run have in common."""

from deepchord.coordinator.monitoring.run_view import RunView
from deepchord.shared.command_line import label
from deepchord.shared.messages import (
    EnsembleEvaluation,
    EpochMetrics,
    Evaluation,
    FailedMember,
    MemberProgress,
    MultilabelEvaluation,
    RunSpec,
    Trainer,
)
from deepchord.shared.network import Task

OFFLINE = "no broker answers here: this is what storage tells"
#: Columns for host, engine and device where there is room.
PLACE_WIDTH = 36
_MAX_HOST_LENGTH = 16
#: Characters of an error that are shown; the logs have all of it.
_MAX_ERROR_LENGTH = 300


def headline(run: RunSpec) -> str:
    """Return preset, data set, members, epochs and seed of a run, in a line."""
    epochs = f"at most {counted(run.recipe.epochs, 'epoch')}"
    return f"{run.preset} on {label(run.dataset.name)}, {counted(run.members, 'member')}, {epochs}, seed {run.seed}"


def place(trainer: Trainer, width: int) -> str:
    """Return host, engine and device; the host's name is cut first."""
    rest = label(f"{trainer.engine} {trainer.device}")
    host = label(trainer.host)[: max(0, min(_MAX_HOST_LENGTH, width - len(rest) - 1))]
    return f"{host} {rest}".strip()


def activity(line: MemberProgress) -> str:
    """Return the phase of a member, shown while its remaining time is not known."""
    return "validating" if line.phase == "training" and line.epoch_share >= 1 else line.phase


def so_far(view: RunView) -> str:
    """Return the ensemble so far, and what its last member brought; an empty text if it is not known."""
    ensemble = view.so_far
    if ensemble is None:
        return ""
    members = counted(ensemble.members, "member")
    known = f"ensemble so far: {ensemble.test_accuracy:.2%} test accuracy, loss {ensemble.test_loss:.4f} with {members}"
    if ensemble.before is None:
        return known
    points = 100 * (ensemble.test_accuracy - ensemble.before.test_accuracy)
    return f"{known}; the last: {points:+.2f} points, {ensemble.test_loss - ensemble.before.test_loss:+.4f}"


def result(view: RunView, index: int) -> str:
    """Return how a member ended."""
    member = view.records[index].member
    if isinstance(member, FailedMember):
        after = f" after {counted(member.attempt, 'attempt')}" if member.attempt else ""
        return f"failed{after}: {one_line(member.error)}"
    best = member.history[member.best_epoch - 1]
    return (
        f"trained in {clock(member.duration_s)}, best epoch {member.best_epoch} of {len(member.history)}, "
        f"{validated(best, view.run.dataset.outputs.task)}"
    )


def validated(epoch: EpochMetrics, task: Task) -> str:
    """Return how an epoch did on the validation images: accuracy, error in standard deviations, or wrong labels."""
    if task == "regression":
        return f"val. RMSE {epoch.validation_error:.4f} SD"
    if task == "multilabel":
        return f"val. Hamming loss {epoch.validation_error:.2%}"
    return f"val. accuracy {epoch.validation_accuracy:.2%}"


def outcome(run: RunSpec, evaluation: Evaluation) -> str:
    """Return in a few words how good an ensemble is."""
    if isinstance(evaluation, EnsembleEvaluation):
        return f"Ensemble test accuracy {evaluation.test.accuracy:.2%}"
    if isinstance(evaluation, MultilabelEvaluation):
        test = evaluation.test
        return f"Ensemble test Hamming loss {test.hamming_loss.value:.2%}, exact match {test.exact_match.value:.2%}"
    errors = (
        f"{scores.root_mean_squared_error:.4g} ({one_line(target.name)})"
        for target, scores in zip(run.dataset.targets, evaluation.test, strict=True)
    )
    return f"Ensemble test RMSE {', '.join(errors)}"


def troubles(view: RunView) -> list[str]:
    """Return a sentence for each member that failed or had trouble, and for the trouble of the evaluation."""
    failed = {index for index, record in view.records.items() if isinstance(record.member, FailedMember)}
    sentences = [
        f"member {index} {result(view, index)}" if index in failed else member_trouble(index, view.notes[index])
        for index in sorted(failed.union(view.notes))
    ]
    if view.evaluation is None and view.evaluation_note is not None:
        sentences.append(evaluation_trouble(view.evaluation_note))
    return sentences


def member_trouble(index: int, note: str) -> str:
    """Return a sentence for the last trouble of a member."""
    return f"member {index} had trouble: {one_line(note)}"


def evaluation_trouble(note: str) -> str:
    """Return a sentence for the last trouble of the evaluation."""
    return f"the evaluation had trouble: {one_line(note)}"


def is_offline(view: RunView) -> bool:
    """Return whether a run has not ended and no broker answers. The view then shows only what storage holds."""
    return not view.live and not view.has_ended


def awaited(view: RunView) -> str:
    """Return that more members are to be added, and by whom; an empty text if none are."""
    if view.awaited_members is None:
        return ""
    return (
        f"more members still help, {view.awaited_members} in all: the command that trains the run adds them, or "
        f"`deepchord reconcile`; if both are gone, `deepchord resume {view.run.run_id}` goes on"
    )


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters, cut if it is very long."""
    line = label(" ".join(text.split()))
    return line if len(line) <= _MAX_ERROR_LENGTH else line[: _MAX_ERROR_LENGTH - 1] + "…"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in the singular for one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def clock(seconds: float) -> str:
    """Return a duration as `m:ss`, or `h:mm:ss` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
