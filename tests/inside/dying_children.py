"""Lets so many new processes of a worker's pool die before they can work as the file `TESTS_DEATHS` says."""

import os
import sys
from pathlib import Path

if "--billiard-fork" in sys.orig_argv:
    _deaths = Path(os.environ["TESTS_DEATHS"])
    _left = int(_deaths.read_text())
    if _left:
        _deaths.write_text(str(_left - 1))
        sys.stderr.write("no module of that name\n")
        sys.stderr.flush()
        os._exit(7)
