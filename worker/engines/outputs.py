"""What a network says, by what its last layer computes."""

from collections.abc import Callable

from deepchord.shared.multilabel import probabilities_of
from deepchord.shared.network import Outputs as OutputsOf
from deepchord.worker.engines.engine import Outputs


def given_by(outputs: OutputsOf) -> Callable[[Outputs], Outputs]:
    """Return what makes a network's outputs of what its last layer computes.

    Args:
        outputs: What the network predicts; labels are computed as logits, see `without_sigmoid`.
    """
    return probabilities_of if outputs.task == "multilabel" else lambda computed: computed
