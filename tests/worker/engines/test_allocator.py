import subprocess
import sys
from collections.abc import Callable

import pytest

from deepchord.shared.host import installed_engines

#: Allocates as JAX does in each step, in a thread, when others have run before; prints on how many pages for the first
#: time.
ALLOCATING = """
import resource, threading

def run(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()

def allocate():
    bytearray(48_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        bytearray(48_000_000)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

for _ in range(4):
    run(lambda: bytearray(1_000))
run(allocate)
"""
STARTED = """
import deepchord.worker.app
from celery.signals import worker_process_init
worker_process_init.send(sender=None)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is set is of glibc")
def test_a_process_of_a_worker_keeps_what_its_framework_frees(
    monkeypatch: pytest.MonkeyPatch, require: Callable[[str, object], None]
):
    require("JAX", "jax" in installed_engines())
    monkeypatch.setenv("DEEPCHORD_BROKER", "redis://localhost:1/0")
    monkeypatch.setenv("DEEPCHORD_ENGINE", "jax")

    found = subprocess.run(
        [sys.executable, "-P", "-c", STARTED + ALLOCATING], capture_output=True, text=True, check=True
    )

    # 48 MB lie on 11,700 pages, which came anew with each of the four when they were given back.
    assert int(found.stdout) < 1_000
