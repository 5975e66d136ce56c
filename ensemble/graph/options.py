"""What can be chosen about an exported graph."""

from dataclasses import dataclass
from typing import Literal

#: What the graph takes: whole numbers from 0 to 255, which it divides by 255, or floats, used as they are.
InputType = Literal["uint8", "float32"]


@dataclass(frozen=True, kw_only=True)
class GraphOptions:
    """How an ensemble becomes a graph."""

    input_type: InputType
    #: Whether large weights are stored as float16, half the size; all is computed in float32.
    half: bool = False
    #: Images whose calibrated confidence is below this get `abstains`; None: there is no such output.
    confidence_threshold: float | None = None
    #: Whether there is no output but what the members give: for what computes the rest itself.
    members_only: bool = False
