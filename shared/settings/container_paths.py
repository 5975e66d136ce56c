"""Translates paths in a container to paths on its host, where people open the files that a command names."""

from pathlib import Path

from deepchord.shared.settings.settings import Settings


def path_on_host(path: Path, settings: Settings) -> Path:
    """Return the path under which people find a file or folder; it differs only for results in a container.

    Args:
        path: The path in this process.
        settings: Where the results are, for this process and on the host.
    """
    path, results = path.resolve(), settings.results.resolve()
    if settings.results_on_host is None or not path.is_relative_to(results):
        return path
    return settings.results_on_host / path.relative_to(results)
