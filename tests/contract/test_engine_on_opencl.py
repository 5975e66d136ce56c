"""PlaidML through OpenCL passes the suite of every engine."""

from collections.abc import Callable

import pytest

from tests.contract.engine_process import OPENCL, EngineProcess, names_of_the_checks

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("check", names_of_the_checks())
def test_plaidml_on_opencl_keeps_the_promises(processes: Callable[[str], EngineProcess], check: str):
    processes(OPENCL).passes(check)


def test_the_same_seeds_train_the_same_weights_in_another_process(
    processes: Callable[[str], EngineProcess], start: Callable[[str], EngineProcess]
):
    expected = processes(OPENCL).passes("train_and_digest")

    with start(OPENCL) as another:
        assert another.passes("train_and_digest") == expected
