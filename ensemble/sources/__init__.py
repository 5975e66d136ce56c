"""Where a finished ensemble is read from: a run in storage, a folder of `deepchord collect`, or an exported file."""

from deepchord.ensemble.sources.exported_file import ExportedModel, read_exported
from deepchord.ensemble.sources.finding import find_source
from deepchord.ensemble.sources.members import EnsembleMembers

__all__ = ["EnsembleMembers", "ExportedModel", "find_source", "read_exported"]
