"""What deepchord costs and gains, measured side by side; each module is run as `python -m benchmarks.<name>`."""
