"""Deep ensembles on the machines you happen to have: one Celery task per member, a chord to evaluate them.

The sides `shared`, `worker`, `coordinator` and `ensemble` are folders at the top of the repository, and parts of this
package by links: an installed deepchord has this one name only. What is public is imported when it is first asked for,
so that `import deepchord` and `deepchord --help` are quick.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepchord.ensemble import Ensemble, Member, MultilabelPrediction, Prediction, RegressionPrediction
    from deepchord.report import Report
    from deepchord.run import Run
    from deepchord.training import train

    load = Ensemble.load

__all__ = [
    "Ensemble",
    "Member",
    "MultilabelPrediction",
    "Prediction",
    "RegressionPrediction",
    "Report",
    "Run",
    "load",
    "train",
]

#: Where each public name is at home.
_HOMES = {
    "Ensemble": "deepchord.ensemble",
    "Member": "deepchord.ensemble",
    "MultilabelPrediction": "deepchord.ensemble",
    "Prediction": "deepchord.ensemble",
    "RegressionPrediction": "deepchord.ensemble",
    "Report": "deepchord.report",
    "Run": "deepchord.run",
    "train": "deepchord.training",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name == "load":
        return import_module("deepchord.ensemble").Ensemble.load
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the public names, also those that are not imported yet."""
    return sorted([*globals(), *__all__])
