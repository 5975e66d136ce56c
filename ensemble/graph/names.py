"""The names in an exported graph that its users see: its input, its outputs, its metadata."""

from typing import Final

#: The input: [images, height, width, channels], uint8 or float32.
IMAGES: Final = "images"
#: The input where rows of a table are predicted: encoded, float32 [rows, features].
FEATURES: Final = "features"

#: float32 [images, classes], of each member: what all others follow from.
MEMBER_PROBABILITIES: Final = "member_probabilities"
PROBABILITIES: Final = "probabilities"
LABEL: Final = "label"
CONFIDENCE: Final = "confidence"
PREDICTIVE_ENTROPY: Final = "predictive_entropy"
MUTUAL_INFORMATION: Final = "mutual_information"
DISAGREEMENT: Final = "disagreement"
ABSTAINS: Final = "abstains"

#: Of labels, [rows, labels] as the entropies are: whether a label is predicted, and the members' mean entropy.
APPLIES: Final = "applies"
EXPECTED_ENTROPY: Final = "expected_entropy"

#: float32 [rows, members, 2 targets], of each member as its network gives it (see
#: `deepchord.shared.regression.means_and_variances`): what all other outputs about numbers follow from.
MEMBER_OUTPUTS: Final = "member_outputs"
#: float64 [rows, members, targets], in the targets' own units.
MEMBER_MEANS: Final = "member_means"
#: float64 [rows, targets], in the targets' own units; the deviations are scaled.
MEAN: Final = "mean"
STANDARD_DEVIATION: Final = "standard_deviation"
ALEATORIC: Final = "aleatoric_standard_deviation"
EPISTEMIC: Final = "epistemic_standard_deviation"

#: The outputs of every exported graph about classes, in their order; `abstains` is added on request.
OUTPUTS: Final = (
    PROBABILITIES,
    LABEL,
    CONFIDENCE,
    PREDICTIVE_ENTROPY,
    MUTUAL_INFORMATION,
    DISAGREEMENT,
    MEMBER_PROBABILITIES,
)

#: The outputs of every exported graph about numbers, in their order.
NUMBER_OUTPUTS: Final = (MEAN, STANDARD_DEVIATION, ALEATORIC, EPISTEMIC, MEMBER_MEANS, MEMBER_OUTPUTS)

#: The outputs of every exported graph about labels, in their order; all but the last are [rows, labels].
LABEL_OUTPUTS: Final = (
    PROBABILITIES,
    APPLIES,
    PREDICTIVE_ENTROPY,
    EXPECTED_ENTROPY,
    MUTUAL_INFORMATION,
    MEMBER_PROBABILITIES,
)

#: The key of the metadata under which the whole `EnsembleDescription` lies, as JSON.
METADATA: Final = "deepchord"
