"""Runs first in every process that tests start: imports what the tests want to be different there from people's.

The modules are those beside this file that `TESTS_INSIDE` names; see tests/insides.py.
"""

import importlib
import os

for _name in filter(None, os.environ.get("TESTS_INSIDE", "").split(",")):
    importlib.import_module(_name)
