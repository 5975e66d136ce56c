"""The module for `celery -A deepchord.worker.app worker`; in a clone, `celery -A worker.app worker` works, too."""

import os
import sys

# While Celery imports this module, the current folder is first on the path. In a clone, deepchord is next to `worker`.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from deepchord.shared.import_path import HOME, remove_current_folder

sys.path.pop(0)
remove_current_folder()
if sys.path[0] == HOME:
    # A clone that is not installed: Celery removes the first entry again, and the processes of the pool need one, too.
    sys.path.insert(0, HOME)

from deepchord.worker.application import app

__all__ = ["app"]
