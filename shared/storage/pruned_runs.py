"""Runs of which weights were removed to make room: noted before it is done, so that nobody goes on with one."""

from deepchord.shared.errors import InputError, ObjectNotFoundError
from deepchord.shared.messages import Pruning
from deepchord.shared.storage import keys
from deepchord.shared.storage.documents import read_document
from deepchord.shared.storage.object_store import ObjectStore


def note_pruning(objects: ObjectStore, run_id: str, pruning: Pruning) -> None:
    """Note that weights of a run are about to be removed."""
    objects.replace(keys.pruning(run_id), pruning.encode())


def read_pruning(objects: ObjectStore, run_id: str) -> Pruning | None:
    """Return who removed weights of a run, and whose stayed; None if nobody did."""
    try:
        return read_document(objects, Pruning, keys.pruning(run_id), "Remove it if the run still has all its weights.")
    except ObjectNotFoundError:
        return None


def refuse_pruned(objects: ObjectStore, run_id: str) -> None:
    """Raise `InputError` if weights of a run were removed: an ensemble with more members could not be evaluated."""
    pruning = read_pruning(objects, run_id)
    if pruning is not None:
        kept = "none" if pruning.kept == "none" else "only those of its best member"
        raise InputError(
            f"Run {run_id} has no more than its results: {pruning.owner} removed its weights on "
            f"{pruning.pruned_at:%Y-%m-%d} by `deepchord prune`, and {kept} stayed. `deepchord train` with its "
            "recipe.toml trains it anew."
        )
