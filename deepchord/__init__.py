"""Deep ensembles on the machines you happen to have: one Celery task per member, a chord to evaluate them.

The sides `shared`, `worker`, `coordinator` and `ensemble` are folders at the top of the repository, and parts of this
package by links: an installed deepchord has this one name only. What is public is imported when it is first asked for,
so that `import deepchord` and `deepchord --help` are quick.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepchord.ensemble import Ensemble, Member, Prediction

    load = Ensemble.load

__all__ = ["Ensemble", "Member", "Prediction", "load"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from deepchord import ensemble

    return ensemble.Ensemble.load if name == "load" else getattr(ensemble, name)


def __dir__() -> list[str]:
    """Return the public names, also those that are not imported yet."""
    return sorted([*globals(), *__all__])
