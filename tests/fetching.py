"""Pages as a browser fetches them."""

import base64
import urllib.error
import urllib.request


def fetch(url: str, user: str = "", password: str = "") -> tuple[int, str]:
    """Return the status code and the text of a page."""
    request = urllib.request.Request(url)
    if user:
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {credentials}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""
