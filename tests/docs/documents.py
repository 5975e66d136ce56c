"""The examples in the Markdown files: their code blocks, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parent.parent.parent
#: All that people read.
PAGES = sorted([*ROOT.joinpath("docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])

_COMMENT = re.compile(r"(?:^|\s)#.*")
_COMMAND = re.compile(r"(?:^|[\s;|&(/])deepchord[ ]+(?P<arguments>[^;|&\n)]+)", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command of deepchord that a page shows."""

    page: str
    #: What follows `deepchord`.
    text: str
    #: Whether it stands in a code block, to be copied, and not in a sentence, where letters may stand for values.
    is_whole: bool

    @property
    def arguments(self) -> list[str]:
        return shlex.split(self.text)


def code_blocks(page: Path, *languages: str) -> list[str]:
    """Return the code blocks of a page that are in one of these languages, in their order."""
    return [
        token.content for token in _tokens(page) if token.type == "fence" and token.info.partition(" ")[0] in languages
    ]


def commands(page: Path) -> Iterator[Command]:
    """Yield the commands of deepchord in a page, from its code blocks and its sentences."""
    name = str(page.relative_to(ROOT))
    for block in code_blocks(page, "sh", "ini"):
        lines = [_COMMENT.sub("", line) for line in block.replace("\\\n", " ").splitlines()]
        for found in _COMMAND.finditer("\n".join(lines)):
            yield Command(name, found["arguments"].strip(), is_whole=True)
    for token in _tokens(page):
        for code in token.children or ():
            if code.type == "code_inline" and (found := _COMMAND.match(code.content)):
                yield Command(name, found["arguments"].strip(), is_whole=False)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    tokens = _tokens(page)
    headings = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    """Return where the links and pictures of a page lead."""
    inline = [child for token in _tokens(page) for child in token.children or ()]
    found = [token.attrGet("href" if token.type == "link_open" else "src") for token in inline]
    return [str(target) for target in found if target]


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))
