"""What an ensemble says of images or rows: its graph gives what each member says, and all else follows from that."""

from deepchord.ensemble.answers.answers import Answers, AnyPrediction
from deepchord.ensemble.answers.question import Question, ask

__all__ = ["Answers", "AnyPrediction", "Question", "ask"]
