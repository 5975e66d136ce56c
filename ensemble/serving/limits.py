"""How much a server takes from its clients."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ServeLimits:
    """Limits of a server; a request beyond one of them gets a status code that says which."""

    #: The size of a request.
    max_bytes: int = 16 * 2**20
    #: The pixels of all images of a request before they are scaled, and how many images it may have.
    max_pixels: int = 32_000_000
    max_images: int = 1024
    #: Requests that are answered or wait at the same time.
    max_requests: int = 128
    #: How long a request may take.
    timeout_s: float = 30.0
