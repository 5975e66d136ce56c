"""Reports and files of runs, made when somebody asks for them; the last few are kept."""

import threading
from collections import OrderedDict

from deepchord.coordinator.report import recipe_toml, render_page, report_content
from deepchord.shared.settings import Settings
from deepchord.shared.storage import RunStore

#: A page has a megabyte or so.
_MOST_KEPT = 8


class Reports:
    """Renders the report page of an evaluated run, one at a time."""

    def __init__(self, settings: Settings, store: RunStore) -> None:
        self._settings = settings
        self._store = store
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, run_id: str) -> bytes:
        """Return the report of a run as HTML, as it was last evaluated.

        Raises:
            InputError: The run has not ended yet.
            RunFailedError: It has ended without an evaluation.
            StorageError: Storage does not answer, or something is missing there.
        """
        run, _ = self._store.last_evaluation(self._store.run(run_id))
        key = (run_id, run.extension)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = render_page(report_content(self._settings, self._store, run)).encode()
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]

    def file(self, run_id: str, name: str) -> bytes:
        """Return `run.json`, `recipe.toml` or `evaluation.json` of a run; for the errors see `page`."""
        run = self._store.run(run_id)
        if name == "run.json":
            return run.encode()
        if name == "recipe.toml":
            return recipe_toml(run).encode()
        return self._store.last_evaluation(run)[1].encode()
