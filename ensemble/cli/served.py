"""Loads the ensembles that a server is given."""

import re
from collections.abc import Sequence
from pathlib import Path

from deepchord.ensemble.ensemble import Ensemble
from deepchord.shared.command_line import label
from deepchord.shared.errors import InputError

_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63})=(?P<source>.+)")


def load_ensembles(texts: Sequence[str], storage: str | None) -> dict[str, Ensemble]:
    """Return ensembles by their names, in the order given.

    Args:
        texts: `NAME=ENSEMBLE`, or an ensemble alone, which is called by its run.
        storage: As `Ensemble.load` takes it.

    Raises:
        InputError: Two have one name.
        DeepchordError: One cannot be loaded.
    """
    loaded: dict[str, Ensemble] = {}
    for text in texts:
        named = _NAMED.fullmatch(text) if not Path(text).exists() else None
        ensemble = Ensemble.load(named["source"] if named else text, storage=storage)
        name = named["name"] if named else ensemble.description.run_id
        if name in loaded:
            raise InputError(f"Two ensembles are called {label(name)}: give them names, NAME=ENSEMBLE.")
        loaded[name] = ensemble
    return loaded
