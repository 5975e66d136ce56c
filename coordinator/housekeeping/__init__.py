"""Keeps storage in order: removes runs and what nobody needs, carries a run to another storage and reads it there."""

from deepchord.coordinator.housekeeping.deletion import check_settled, delete_damaged_run, delete_run
from deepchord.coordinator.housekeeping.exporting import export_run
from deepchord.coordinator.housekeeping.importing import import_run
from deepchord.coordinator.housekeeping.prune_plan import PrunePlan, PruneRules, plan_prune, prune_rules
from deepchord.coordinator.housekeeping.pruning import prune
from deepchord.coordinator.housekeeping.survey import survey_storage

__all__ = [
    "PrunePlan",
    "PruneRules",
    "check_settled",
    "delete_damaged_run",
    "delete_run",
    "export_run",
    "import_run",
    "plan_prune",
    "prune",
    "prune_rules",
    "survey_storage",
]
