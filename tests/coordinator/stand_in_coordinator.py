"""A coordinator that only keeps a local session open: python stand_in_coordinator.py STATE WORKER_COMMAND…"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from coordinator.local import local_session
from shared.settings import load_settings

with local_session(load_settings(state=Path(sys.argv[1])), 2, worker_command=sys.argv[2:], grace_s=60.0):
    sys.stdout.write("open\n")
    sys.stdout.flush()
    while True:
        time.sleep(0.1)
