import os
import subprocess
import sys

import pytest

from deepchord.shared.process import describe_foreign, remove_foreign_variables, without_foreign_variables
from deepchord.shared.process.foreign_variables import foreign_names
from tests.strangers import STRANGERS_ENVIRONMENT

OWN = {"HOME": "/home/me", "DEEPCHORD_BROKER": "redis://here/0", "AWS_REGION": "eu", "CUDA_VISIBLE_DEVICES": "1"}


def test_what_celery_its_parts_and_flower_would_read_is_left_out_and_nothing_else():
    assert foreign_names(OWN | STRANGERS_ENVIRONMENT) == sorted(STRANGERS_ENVIRONMENT)
    assert without_foreign_variables(OWN | STRANGERS_ENVIRONMENT) == OWN | {"PYTHONSAFEPATH": "1"}


def test_what_somebody_may_have_meant_for_deepchord_is_named():
    said = describe_foreign(["APP", "CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE", "FLOWER_PORT"])

    assert "(CELERY_BROKER_URL, FLOWER_PORT)" in said
    assert "DEEPCHORD_" in said
    assert describe_foreign(["APP", "DJANGO_SETTINGS_MODULE"]) is None


def test_only_a_shell_that_completes_a_command_line_is_answered():
    completion = {"_DEEPCHORD_COMPLETE": "complete_zsh"}

    assert without_foreign_variables(completion)["_DEEPCHORD_COMPLETE"] == "complete_zsh"
    assert without_foreign_variables({"_DEEPCHORD_COMPLETE": "source_zsh"}) == {"PYTHONSAFEPATH": "1"}
    assert describe_foreign(foreign_names({"_DEEPCHORD_COMPLETE": "source_zsh"})) is None


def test_this_process_loses_them_once(monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere/0")
    monkeypatch.setenv("PYTHONPATH", ":src")
    monkeypatch.setenv("PYTHONSAFEPATH", "")

    assert "CELERY_BROKER_URL" in remove_foreign_variables()
    assert remove_foreign_variables() is None
    assert {"CELERY_BROKER_URL", "PYTHONPATH"} & set(os.environ) == set()
    assert os.environ["PYTHONSAFEPATH"] == "1"


@pytest.mark.parametrize("warnings", ["error", "ignore::ImportWarning,error::UserWarning", "e", " err : :UserWarning"])
def test_no_warning_of_a_library_is_an_error_in_a_process_of_ours(warnings):
    assert without_foreign_variables({"PYTHONWARNINGS": warnings}) == {"PYTHONSAFEPATH": "1"}


@pytest.mark.parametrize("warnings", ["ignore", "default,once::UserWarning", "", "::error"])
def test_other_wishes_about_warnings_are_kept(warnings):
    assert without_foreign_variables({"PYTHONWARNINGS": warnings})["PYTHONWARNINGS"] == warnings


@pytest.mark.parametrize("options", [["-W", "error"], []])
def test_nor_is_it_in_the_command_itself(options):
    program = (
        "from deepchord.shared.process import remove_foreign_variables as out; import warnings; out(); "
        "warnings.warn('old', DeprecationWarning); warnings.warn('told'); import os; print(os.environ.keys())"
    )
    environment = os.environ | ({} if options else {"PYTHONWARNINGS": "error"})

    ended = subprocess.run(
        [sys.executable, *options, "-c", program], env=environment, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, "PYTHONWARNINGS" in ended.stdout) == (0, False)
    assert ("told" in ended.stderr, "old'" in ended.stderr) == (True, False)


@pytest.mark.parametrize("pythonpath", ["", ":", "src"])
def test_a_process_of_ours_imports_nothing_from_where_it_is_started(pythonpath):
    assert without_foreign_variables({"PYTHONPATH": pythonpath}) == {"PYTHONSAFEPATH": "1"}
    assert without_foreign_variables({"PYTHONPATH": f"{pythonpath}:/more"})["PYTHONPATH"] == "/more"
