"""The notice: what somebody is told of a run, as JSON for programs and as sentences for people."""

from typing import Any, Literal, Self

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt, PositiveInt

from deepchord.coordinator.monitoring import RunView
from deepchord.coordinator.notification.occasions import Event, Occasion
from deepchord.shared.messages import EnsembleEvaluation, RegressionEvaluation
from deepchord.shared.validation import Message, Share

_TITLES: dict[Event, str] = {
    "evaluated": "is evaluated",
    "failed": "failed",
    "stalled": "stands still",
    "no_workers": "has no workers",
}


class Notice(Message):
    """What somebody is told of a run; the body of a webhook."""

    #: The version of this format.
    format: Literal[1] = 1
    #: The same for everybody who tells the same of the same run: who gets it twice can leave one out.
    id: str
    event: Event
    #: One or two sentences, for people.
    message: str
    happened_at: AwareDatetime
    run_id: str
    created_at: AwareDatetime
    preset: str
    dataset: str
    #: How many members the run has, how many of them are trained, and how many have ended.
    members: PositiveInt
    trained: NonNegativeInt
    ended: NonNegativeInt
    elapsed_s: NonNegativeFloat
    #: Of an evaluated run that predicts classes.
    test_accuracy: Share | None = None
    test_loss: NonNegativeFloat | None = None
    #: Of an evaluated run that predicts numbers: the root mean squared error of each, by its name.
    test_errors: dict[str, float] | None = None
    #: Who tells it: the name of the machine.
    host: str

    @classmethod
    def of(cls, occasion: Occasion, view: RunView, host: str) -> Self:
        """Return the notice of what there is to tell of a run.

        Args:
            occasion: What there is to tell.
            view: The run at that moment.
            host: The name of this machine.
        """
        run, ended = view.run, len(view.records)
        # A run that stands still, goes on and stands still again has more members that have ended.
        again = "" if occasion.event in ("evaluated", "failed") else f"-{ended}"
        return cls(
            id=f"{run.run_id}-{run.extension}-{occasion.event}{again}",
            event=occasion.event,
            message=occasion.sentence,
            happened_at=occasion.at,
            run_id=run.run_id,
            created_at=run.created_at,
            preset=run.preset,
            dataset=run.dataset.name,
            members=run.members,
            trained=view.trained,
            ended=ended,
            elapsed_s=round(view.elapsed_s(occasion.at), 1),
            **_scores(view),
            host=host,
        )

    @property
    def title(self) -> str:
        """A few words that say what has happened."""
        return f"Run {self.run_id} {_TITLES[self.event]}"


def _scores(view: RunView) -> dict[str, Any]:
    evaluation = view.evaluation
    if isinstance(evaluation, EnsembleEvaluation):
        return {"test_accuracy": evaluation.test.accuracy, "test_loss": evaluation.test.loss}
    if isinstance(evaluation, RegressionEvaluation):
        both = zip(view.run.dataset.targets, evaluation.test, strict=True)
        return {"test_errors": {target.name: scores.root_mean_squared_error for target, scores in both}}
    return {}
