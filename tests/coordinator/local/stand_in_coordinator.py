"""A coordinator that only keeps a local session open: python stand_in_coordinator.py STATE WORKER_COMMAND…"""

import sys
import time
from pathlib import Path


def main(state: Path, worker_command: list[str]) -> None:
    from deepchord.coordinator.local import local_session
    from deepchord.shared.settings import load_settings

    with local_session(load_settings(state=state), 2, worker_command=worker_command, grace_s=60.0):
        sys.stdout.write("open\n")
        sys.stdout.flush()
        while True:
            time.sleep(0.1)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    main(Path(sys.argv[1]), sys.argv[2:])
