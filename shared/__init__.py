"""The contract: what coordinator and workers agree on. No machine learning framework is imported here."""
