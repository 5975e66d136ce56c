"""Lets a new process of a worker's pool take longer to start than the four seconds that Celery grants by itself."""

import sys
import time

if "--billiard-fork" in sys.orig_argv:
    time.sleep(6)
