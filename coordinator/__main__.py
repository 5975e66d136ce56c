"""`python -m coordinator`: the commands that need no engine."""

import os
import sys

# What lies beside this package goes before the current folder, until that is off the path.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from shared.import_path import leave_out_current_folder

leave_out_current_folder(sys.path.pop(0))

from coordinator.cli import main

main()
