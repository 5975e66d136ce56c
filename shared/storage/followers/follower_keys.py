"""The keys of the notes of those who follow a run. No other file spells one."""

import re

from deepchord.shared.storage import keys


def notice_claims(run_id: str, name: str) -> str:
    """Return the folder of the claims of those who tell somebody of a run."""
    return f"{keys.run_folder(run_id)}notices/{name}/"


def notice_claim(run_id: str, name: str, number: int) -> str:
    """Return the key of one of these claims."""
    return f"{notice_claims(run_id, name)}{number:03d}.json"


def notice_claim_number(key: str) -> int | None:
    """Return the number of the claim with this key; None if it is not the key of a claim."""
    match = re.fullmatch(r".*/([0-9]{3})\.json", key)
    return None if match is None else int(match[1])


def notice_told(run_id: str, name: str) -> str:
    """Return the key of the note that somebody was told."""
    return f"{notice_claims(run_id, name)}told.json"


def tracker(run_id: str, name: str) -> str:
    """Return the key of the note of what a run is called in a tracker of experiments."""
    return f"{keys.run_folder(run_id)}trackers/{name}.json"
