"""The look that deepchord's pages have in common: the report includes `base.css`, the dashboard links it."""

from pathlib import Path

__all__ = ["LOOK"]

#: The folder of `base.css`.
LOOK = Path(__file__).parent
