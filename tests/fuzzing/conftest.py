"""Which inputs are tried."""

import random
from collections.abc import Sequence

import pytest

#: In each run of the tests so many inputs, the same ones in each.
_USUAL = 100


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> Sequence[int]:
    """A seed for each input."""
    inputs, seed = request.config.getoption("--fuzz"), request.config.getoption("--fuzz-seed")
    if seed is not None:
        return (seed,)
    if inputs is None:
        return range(_USUAL)
    first = random.SystemRandom().randrange(2**48)
    return range(first, first + inputs)
