"""`python -m coordinator`: the commands that need no engine."""

from coordinator.cli import main

main()
