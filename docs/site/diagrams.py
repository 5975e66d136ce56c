"""Mermaid diagrams of the docs as pictures: GitHub draws them itself, the site shows SVGs that were drawn once.

Drawing takes a browser and Mermaid, which neither the site nor its build should need. A picture is called by the
SHA-256 of its diagram, so that an old one is never shown.

npm pack mermaid@11 && tar xzf mermaid-*.tgz package/dist/mermaid.min.js
python docs/site/diagrams.py package/dist/mermaid.min.js     # after a diagram was changed
"""

import hashlib
import html
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent.parent
PICTURES = DOCS / "pictures" / "diagrams"
_BROWSER = "chromium"
#: Mermaid's grey theme, which can be inverted for a dark page; a font that is wide, so that no text outgrows its box.
_OPTIONS = {"startOnLoad": False, "theme": "neutral", "fontFamily": "DejaVu Sans, Verdana, sans-serif"}
_FENCE = re.compile(r"^```mermaid\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: Mermaid's drawings fill whatever they are put into; these get their own size.
_SIZE = re.compile(r'width="100%" (.*?viewBox="\S+ \S+ ([\d.]+) ([\d.]+)")')
_PAGE = """<!doctype html><meta charset="utf-8"><script src="{library}"></script><body><script>
mermaid.initialize({options});
mermaid.render("diagram", {source}).then(({{ svg }}) => {{
    document.body.innerHTML = svg;
    document.body.textContent = new XMLSerializer().serializeToString(document.querySelector("svg"));
}});
</script></body>"""


def picture_of(source: str) -> Path:
    """Return the path of a diagram's picture."""
    return PICTURES / f"{hashlib.sha256(source.strip().encode()).hexdigest()[:16]}.svg"


def draw_all(library: Path) -> None:
    """Draw each diagram of the docs that has no picture, and delete the pictures that no diagram has."""
    sources = [source for page in sorted(DOCS.rglob("*.md")) for source in _FENCE.findall(page.read_text("utf-8"))]
    wanted = {picture_of(source): source for source in sources}
    for picture in set(PICTURES.glob("*.svg")) - set(wanted):
        picture.unlink()
    PICTURES.mkdir(exist_ok=True)
    for picture, source in wanted.items():
        if not picture.exists():
            picture.write_text(_draw(source, library), "utf-8")


def _draw(source: str, library: Path) -> str:
    """Return a diagram as SVG, as Mermaid draws it in Chromium."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(
            _PAGE.format(library=library.resolve().as_uri(), options=json.dumps(_OPTIONS), source=json.dumps(source)),
            "utf-8",
        )
        flags = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", f"--user-data-dir={folder}")
        done = subprocess.run(
            [_BROWSER, "--headless", *flags, "--virtual-time-budget=30000", "--dump-dom", page.as_uri()],
            check=True,
            capture_output=True,
            text=True,
        )
    drawn = re.search(r"<body>(&lt;svg.*)</body>", done.stdout, re.DOTALL)
    if drawn is None:
        raise SystemExit(f"Mermaid draws no picture of this:\n{source}")
    return _SIZE.sub(r'width="\2" height="\3" \1', html.unescape(drawn[1]), count=1) + "\n"


if __name__ == "__main__":
    draw_all(Path(sys.argv[1]))
