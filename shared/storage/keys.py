"""The keys of runs in shared storage. No other file spells one.

`inputs/input_keys.py` has those of their inputs, `followers/follower_keys.py` those of who follows them.
"""

import re

from deepchord.shared.messages import RunSpec
from deepchord.shared.storage.attempts import Failure, SavedEpoch

RUNS = "runs/"
_SPEC = "run.json"
#: File names in the folder of an attempt: it does not count; it failed (evaluations only).
HANDED_OVER, FAILED = "handed-over.json", "failed.json"
#: The file names of weights and test probabilities in the folder of an attempt, and its folder of training states.
WEIGHTS, PROBABILITIES, EPOCHS = "weights.hdf5", "probabilities.npy", "epochs/"


def run_folder(run_id: str) -> str:
    """Return the folder of all that belongs to a run."""
    return f"{RUNS}{run_id}/"


def run(run_id: str) -> str:
    """Return the key of a run's spec as it was submitted."""
    return f"{RUNS}{run_id}/{_SPEC}"


def extensions(run_id: str) -> str:
    """Return the folder of a run's extensions."""
    return f"{RUNS}{run_id}/extensions/"


def cancellation(run_id: str) -> str:
    """Return the key of the note that a run is cancelled."""
    return f"{RUNS}{run_id}/cancelled.json"


def share(run_id: str) -> str:
    """Return the key of the share of the fleet that a run has had since it was submitted."""
    return f"{RUNS}{run_id}/share.json"


def local(run_id: str) -> str:
    """Return the key of the note that a run has its own broker and workers."""
    return f"{RUNS}{run_id}/local.json"


def pruning(run_id: str) -> str:
    """Return the key of the note that weights of a run were removed."""
    return f"{RUNS}{run_id}/pruned.json"


def members(run_id: str) -> str:
    """Return the folder of a run's members."""
    return f"{RUNS}{run_id}/members/"


def record(run_id: str, index: int) -> str:
    """Return the key of a member's committed record."""
    return f"{members(run_id)}{index:03d}/record.json"


def damaged_record(run_id: str, index: int, sha256: str) -> str:
    """Return the key under which a damaged record is kept aside."""
    return f"{members(run_id)}{index:03d}/damaged-records/{sha256[:12]}.json"


def recorded_index(key: str) -> int | None:
    """Return the index of the member whose record has this key; None if it is not the key of a record."""
    match = re.fullmatch(rf"{RUNS}([^/]+)/members/([0-9]{{1,9}})/record\.json", key)
    return int(match[2]) if match is not None and key == record(match[1], int(match[2])) else None


def attempt_name(key: str) -> tuple[int, str] | None:
    """Return the member of a key in a folder of attempts, and the rest of the key; None for any other key."""
    match = re.fullmatch(rf"{RUNS}[^/]+/members/([0-9]{{1,9}})/attempts/(.+)", key)
    return None if match is None else (int(match[1]), match[2])


def attempt_file(key: str) -> tuple[int, int, str] | None:
    """Return member, attempt and name of a file of an attempt, such as `weights.hdf5`; None for any other key."""
    found = attempt_name(key)
    match = None if found is None else re.fullmatch(r"([0-9]{3,9})/(.+)", found[1])
    return None if found is None or match is None else (found[0], int(match[1]), match[2])


def attempts(run_id: str, index: int) -> str:
    """Return the folder of a member's attempts."""
    return f"{members(run_id)}{index:03d}/attempts/"


def attempt(run_id: str, index: int, number: int) -> str:
    """Return the folder of one attempt."""
    return numbered(attempts(run_id, index), number)


def attempt_note(run_id: str, index: int, number: int) -> str:
    """Return the key of the note of who took an attempt."""
    return note(attempt(run_id, index, number))


def handed_over(run_id: str, index: int, number: int) -> str:
    """Return the key of the note that an attempt does not count against its member."""
    return f"{attempt(run_id, index, number)}{HANDED_OVER}"


def attempt_failure(run_id: str, index: int, number: int, failure: Failure) -> str:
    """Return the key of the note of how an attempt failed; its name holds both digests of the failure."""
    return f"{attempt(run_id, index, number)}failures/{failure.worker}-{failure.way}.json"


def failure_named(names: list[str]) -> Failure | None:
    """Return the failure that names below an attempt's folder stand for; None if they mean something else."""
    match = re.fullmatch(r"failures/([0-9a-f]{16})-([0-9a-f]{16})\.json", "/".join(names))
    return None if match is None else Failure(worker=match[1], way=match[2])


def weights(run_id: str, index: int, number: int) -> str:
    """Return the key of the weights of one attempt."""
    return f"{attempt(run_id, index, number)}{WEIGHTS}"


def member_probabilities(run_id: str, index: int, number: int) -> str:
    """Return the key of the test probabilities of one attempt."""
    return f"{attempt(run_id, index, number)}{PROBABILITIES}"


def epoch(run_id: str, index: int, saved: SavedEpoch) -> str:
    """Return the key of a training state."""
    return f"{attempt(run_id, index, saved.attempt)}{EPOCHS}{saved.epoch:06d}-{saved.sha256}.npz"


def saved_epoch(number: int, names: list[str]) -> SavedEpoch | None:
    """Return the training state that names below an attempt's folder stand for; None if they mean something else."""
    match = re.fullmatch(r"epochs/([0-9]{6})-([0-9a-f]{64})\.npz", "/".join(names))
    return None if match is None else SavedEpoch(attempt=number, epoch=int(match[1]), sha256=match[2])


def extension(spec: RunSpec) -> str:
    """Return the key of the spec of an extended run."""
    return f"{_ending(spec)}{_SPEC}"


def extension_number(run_id: str, key: str) -> int | None:
    """Return the number of the extension whose spec has this key; None if it is not the key of a spec."""
    match = re.fullmatch(rf"{extensions(run_id)}([0-9]{{3,9}})/{re.escape(_SPEC)}", key)
    if match is None or key != f"{numbered(extensions(run_id), int(match[1]))}{_SPEC}":
        return None
    return int(match[1])


def evaluations(spec: RunSpec) -> str:
    """Return the folder of the attempts at a run's evaluation."""
    return f"{_ending(spec)}evaluations/"


def study_attempts(run_id: str, name: str) -> str:
    """Return the folder of the attempts at a study."""
    return f"{studies(run_id)}{name}/attempts/"


def attempt_handed_over(folder: str, number: int) -> str:
    """Return the key of the note that an attempt in a folder of attempts does not count."""
    return f"{numbered(folder, number)}{HANDED_OVER}"


def attempt_failed(folder: str, number: int) -> str:
    """Return the key of the note that an attempt in a folder of attempts ended with an error."""
    return f"{numbered(folder, number)}{FAILED}"


def evaluation(spec: RunSpec) -> str:
    """Return the key of a run's evaluation."""
    return f"{_ending(spec)}evaluation.json"


def failure(spec: RunSpec) -> str:
    """Return the key of the note of why a run ended without an evaluation."""
    return f"{_ending(spec)}failed.json"


def ensemble_probabilities(spec: RunSpec, sha256: str) -> str:
    """Return the key of the ensemble's probabilities."""
    return f"{_ending(spec)}probabilities-{sha256[:12]}.npz"


def ensemble_predictions(spec: RunSpec, sha256: str) -> str:
    """Return the key of the numbers that the ensemble predicts."""
    return f"{_ending(spec)}predictions-{sha256[:12]}.npz"


def studies(run_id: str) -> str:
    """Return the folder of a run's studies."""
    return f"{RUNS}{run_id}/studies/"


def study_spec(run_id: str, name: str) -> str:
    """Return the key of what a study was asked to look at."""
    return f"{studies(run_id)}{name}/study.json"


def study_result(run_id: str, name: str) -> str:
    """Return the key of the result of a study."""
    return f"{studies(run_id)}{name}/result.json"


def study_failure(run_id: str, name: str) -> str:
    """Return the key of the note of why a study ended without a result."""
    return f"{studies(run_id)}{name}/failed.json"


def study_probabilities(run_id: str, name: str, sha256: str) -> str:
    """Return the key of the ensemble's probabilities in a study."""
    return f"{studies(run_id)}{name}/probabilities-{sha256[:12]}.npz"


def study_predictions(run_id: str, name: str, sha256: str) -> str:
    """Return the key of the numbers that the ensemble predicts in a study."""
    return f"{studies(run_id)}{name}/predictions-{sha256[:12]}.npz"


def study_name(key: str) -> str | None:
    """Return the name of the study whose spec has this key; None if it is not the key of a spec of a study."""
    match = re.fullmatch(rf"{RUNS}[^/]+/studies/([a-z0-9-]+)/study\.json", key)
    return None if match is None else match[1]


def numbered(folder: str, number: int) -> str:
    """Return the folder of a numbered attempt or extension."""
    return f"{folder}{number:03d}/"


def note(folder: str) -> str:
    """Return the key of the note that reserves the number of an attempt."""
    return f"{folder}attempt.json"


def _ending(spec: RunSpec) -> str:
    """Return the folder for the end of a run; each extension has its own."""
    return numbered(extensions(spec.run_id), spec.extension) if spec.extension else f"{RUNS}{spec.run_id}/"
