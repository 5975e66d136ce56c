"""A finished ensemble apart from its weights: all that is needed to build its networks and to use what they predict."""

from collections.abc import Sequence
from typing import Self

from pydantic import AwareDatetime, Field, NonNegativeInt, PositiveInt

from deepchord.shared.messages.evaluation import EnsembleEvaluation, Scores
from deepchord.shared.messages.member import TrainedMember
from deepchord.shared.messages.run import DatasetInfo, RunId, RunSpec, Seed
from deepchord.shared.messages.uncertainty import Abstention, Calibration, ConformalSets, ProbabilityScores
from deepchord.shared.network import Architecture
from deepchord.shared.validation import Message, Sha256, Versioned


class DescribedMember(Message):
    """A member of a finished ensemble."""

    index: NonNegativeInt
    #: Of the file with its weights, HDF5.
    weights_sha256: Sha256
    #: What trained it, such as `tensorflow`.
    engine: str


class EnsembleDescription(Versioned):
    """What a finished ensemble is; it travels with collected and exported members."""

    run_id: RunId
    created_at: AwareDatetime
    preset: str
    seed: Seed
    dataset: DatasetInfo
    architecture: Architecture
    members: tuple[DescribedMember, ...] = Field(min_length=1)
    #: How many members the run had asked for.
    requested: PositiveInt
    #: Of the mean as it is, on the test images.
    test: Scores
    #: Of the calibrated mean, on the test images; None: it is not calibrated.
    calibrated_test: ProbabilityScores | None = None
    #: None: there were no images to calibrate on; probabilities are the mean as it is.
    calibration: Calibration | None = None
    #: The sets that can be asked for, with their thresholds.
    conformal: tuple[ConformalSets, ...] = ()
    #: The risks that can be asked for, with the confidence from which on an image is answered.
    abstentions: tuple[Abstention, ...] = ()

    @classmethod
    def of_run(cls, run: RunSpec, evaluation: EnsembleEvaluation, trained: Sequence[TrainedMember]) -> Self:
        """Return the description of an evaluated run.

        Args:
            run: As it was evaluated.
            evaluation: Its evaluation.
            trained: The records of the members that were evaluated, in any order.
        """
        uncertainty = evaluation.uncertainty
        selective = uncertainty.selective if uncertainty else None
        known = {member.spec.index: member for member in trained}
        ordered = [known[index] for index in sorted(member.index for member in evaluation.members)]
        return cls(
            run_id=run.run_id,
            created_at=run.created_at,
            preset=run.preset,
            seed=run.seed,
            dataset=run.dataset,
            architecture=run.architecture,
            members=tuple(
                DescribedMember(
                    index=member.spec.index, weights_sha256=member.weights_sha256, engine=member.trainer.engine
                )
                for member in ordered
            ),
            requested=evaluation.requested,
            test=evaluation.test,
            calibrated_test=uncertainty.calibrated if uncertainty else None,
            calibration=uncertainty.calibration if uncertainty else None,
            conformal=uncertainty.conformal if uncertainty else (),
            # Thresholds that were chosen on test images are for scoring only.
            abstentions=selective.abstentions if selective and selective.source != "test_images" else (),
        )
