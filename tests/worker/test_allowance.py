"""How many members the workers of one command may train, also when they die."""

import subprocess
import sys
from pathlib import Path

from deepchord.shared.import_path import HOME
from deepchord.worker.allowance import Allowance

HOLDS = (
    f"import sys; sys.path.insert(0, {HOME!r})\n"
    "from pathlib import Path; from deepchord.worker.allowance import Allowance\n"
    "ticket = Allowance(Path(sys.argv[1])).take(); print(ticket is not None, flush=True); sys.stdin.read()"
)


def test_a_permission_that_was_used_is_gone_and_one_that_was_not_comes_back(tmp_path: Path):
    allowance = Allowance.create(tmp_path, 2)
    first, second = allowance.take(), allowance.take()
    assert first is not None
    assert second is not None
    assert allowance.take() is None
    assert allowance.left() == 2

    with first:
        first.use()
    with second:
        pass

    assert allowance.left() == 1
    third = allowance.take()
    assert third is not None
    with third:
        assert Allowance(tmp_path).take() is None


def test_what_a_dead_worker_was_at_may_be_trained_by_another_one(tmp_path: Path):
    allowance = Allowance.create(tmp_path, 1)
    with subprocess.Popen(
        [sys.executable, "-P", "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert allowance.take() is None
        holder.kill()

    assert allowance.take() is not None


def test_whoever_was_refused_is_known_by_name(tmp_path: Path):
    allowance = Allowance.create(tmp_path, 1)

    allowance.refuse("a")

    assert (allowance.has_refused("a"), allowance.has_refused("b")) == (True, False)
    assert allowance.left() == 1
