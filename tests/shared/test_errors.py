import inspect

import pytest

from deepchord.shared import errors
from deepchord.shared.errors import DeepchordError, ExitCode, RunFailedError, WorkersStoppedError

ERRORS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_the_one_root_and_says_what_it_means(kind):
    assert issubclass(kind, DeepchordError)
    assert inspect.getdoc(kind) != inspect.getdoc(Exception)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_ends_a_command_with_a_code_that_is_neither_success_nor_a_defect(kind):
    assert kind.exit_code in ExitCode
    assert kind.exit_code not in (ExitCode.OK, ExitCode.DEFECT)


def test_a_failed_run_and_stopped_workers_can_be_told_apart_by_the_exit_code():
    assert RunFailedError.exit_code == 3
    assert WorkersStoppedError.exit_code == 4
