"""How templates become a page: where they lie, and what they call."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from jinja2 import BaseLoader, Environment, FunctionLoader, StrictUndefined

from deepchord.coordinator.look import LOOK
from deepchord.coordinator.report.content import EnsembleContent, count, duration, failure_of, isolated, percent, points
from deepchord.coordinator.report.findings import image_kind
from deepchord.coordinator.report.page.columns import table_kind, table_sentences

#: The templates of classes, and those that all pages use.
TEMPLATES = Path(__file__).parent / "templates"


def new_environment(
    content: EnsembleContent, sentences: Iterable[Callable[..., str]], folders: Sequence[Path] = (TEMPLATES,)
) -> Environment:
    """Return what renders templates.

    Templates speak of images; for a table they speak of rows.

    Args:
        content: What the page is about.
        sentences: Functions that the templates call as filters by their names; what they say is worded as well.
        folders: Where templates are looked for, the first one first; the style of all pages is found after them.
    """
    environment = Environment(
        loader=_loader(content, (*folders, LOOK)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for sentence in sentences:
        environment.filters[sentence.__name__] = _worded(content, sentence)
    formats = (isolated, percent, points, duration, count, failure_of)
    for used in (*formats, image_kind, table_kind, table_sentences, content.worded):
        environment.filters[used.__name__] = used
    environment.filters["place"] = _place
    return environment


def _loader(content: EnsembleContent, folders: Sequence[Path]) -> BaseLoader:
    def load(name: str) -> str | None:
        found = next((folder / name for folder in folders if (folder / name).is_file()), None)
        return None if found is None else content.worded(found.read_text(encoding="utf-8"))

    return FunctionLoader(load)


def _worded(content: EnsembleContent, sentence: Callable[..., str]) -> Callable[..., str]:
    """Return a function that writes the same sentence in the words for what the data set holds."""
    return lambda *arguments: content.worded(sentence(*arguments))


def _place(percentage: float) -> str:
    return f"{percentage:.2f}%"
