"""PlaidML on the processor, through LLVM, passes the suite of every engine."""

from collections.abc import Callable

import pytest

from tests.contract.engine_process import LLVM, EngineProcess, names_of_the_checks

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("check", names_of_the_checks())
def test_plaidml_on_llvm_keeps_the_promises(processes: Callable[[str], EngineProcess], check: str):
    processes(LLVM).passes(check)


def test_the_same_seeds_train_the_same_weights_in_another_process(
    processes: Callable[[str], EngineProcess], start: Callable[[str], EngineProcess]
):
    expected = processes(LLVM).passes("train_and_digest")

    with start(LLVM) as another:
        assert another.passes("train_and_digest") == expected
