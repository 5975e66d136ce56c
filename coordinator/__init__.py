"""The coordinator: plans, submits, follows and reports runs. It installs without any ML framework."""
