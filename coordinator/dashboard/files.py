"""The files of the page, and what browsers are told about all that the server sends."""

from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from deepchord.coordinator.look import LOOK

_ALWAYS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
#: The page loads its own files and nothing else; no text that is shown can become a script or a style.
_PAGE_HEADERS = _ALWAYS | {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
DATA_HEADERS = _ALWAYS | {"cache-control": "no-store", "content-security-policy": "default-src 'none'; sandbox"}
#: A report brings its own style and script, and runs without any right on this server.
REPORT_HEADERS = _ALWAYS | {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"
    ),
}

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


async def page_file(request: Request) -> Response:
    """Return the page, or a file of it."""
    name = request.path_params.get("name", "index.html")
    files = _page_files()
    if name not in files:
        raise HTTPException(404)
    return Response(files[name], media_type=_TYPES[name.rpartition(".")[2]], headers=_PAGE_HEADERS)


@cache
def _page_files() -> dict[str, bytes]:
    """Return all files of the page by their names."""
    own = Path(__file__).parent / "page"
    paths = [LOOK / "base.css", *own.iterdir()]
    return {path.name: path.read_bytes() for path in paths if path.suffix.removeprefix(".") in _TYPES}
