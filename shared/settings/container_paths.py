"""What a container's results are called on its host: a link that a command tells is opened there."""

from pathlib import Path

from deepchord.shared.settings.settings import Settings


def path_on_host(path: Path, settings: Settings) -> Path:
    """Return the path by which people find a file or folder; another one only for results in a container.

    Args:
        path: As this process has it.
        settings: Where results are, here and on the host.
    """
    path, results = path.resolve(), settings.results.resolve()
    if settings.results_on_host is None or not path.is_relative_to(results):
        return path
    return settings.results_on_host / path.relative_to(results)
