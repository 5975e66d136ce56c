"""What `celery -A deepchord.worker.app worker` starts; in a clone, `celery -A worker.app worker` finds the same."""

import os
import sys

# Celery puts the current folder first on the path while it imports this. In a clone, deepchord lies beside `worker`.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from deepchord.shared.import_path import HOME, leave_out_current_folder

sys.path.pop(0)
leave_out_current_folder()
if sys.path[0] == HOME:
    # A clone that is not installed: Celery removes the first entry again, and the processes of the pool need one, too.
    sys.path.insert(0, HOME)

from deepchord.worker.application import app

__all__ = ["app"]
