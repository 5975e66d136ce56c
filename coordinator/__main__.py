"""`python -m deepchord.coordinator`, in a clone also `python -m coordinator`: the commands that need no engine."""

import os
import sys

# In a clone, deepchord lies beside `coordinator`, and goes before the current folder until that is off the path.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from deepchord.shared.import_path import remove_current_folder

sys.path.pop(0)
remove_current_folder()

from deepchord.coordinator.cli import main

main()
