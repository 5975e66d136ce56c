import subprocess
import sys

import pytest

from deepchord.worker.service.pool import check_semaphores


def test_semaphores_that_the_system_makes_are_no_problem():
    check_semaphores()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere semaphores are no files")
def test_a_system_that_makes_none_is_told_what_to_do():
    program = (
        "import resource\nfrom deepchord.shared.errors import InputError\n"
        "from deepchord.worker.service.pool import check_semaphores\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"  # as small as a file system that cannot be written
        "try:\n    check_semaphores()\nexcept InputError as error:\n    print(error)"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ended.stdout.startswith(
        "This system makes no semaphores for the processes of a worker (File too large): on "
    )
    assert "`mount -t tmpfs tmpfs /dev/shm`" in ended.stdout
