"""The side that plans, submits, watches and reports runs; installs without any ML framework."""
