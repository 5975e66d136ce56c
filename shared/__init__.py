"""The contract of both sides: what coordinator and workers agree on. No ML framework is imported here."""
