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

#: The outputs of every exported graph, in their order; `abstains` is added on request.
OUTPUTS: Final = (
    PROBABILITIES,
    LABEL,
    CONFIDENCE,
    PREDICTIVE_ENTROPY,
    MUTUAL_INFORMATION,
    DISAGREEMENT,
    MEMBER_PROBABILITIES,
)

#: The key of the metadata under which the whole `EnsembleDescription` lies, as JSON.
METADATA: Final = "deepchord"
