"""What becomes of a run, for Python: followed, cancelled, extended; its evaluation, report and ensemble."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from deepchord.coordinator.local import session_of
from deepchord.coordinator.monitoring import RunView, raise_if_failed, view_run, watch_run
from deepchord.coordinator.report import write_run_report
from deepchord.coordinator.running import BackgroundRun, BrokerSession, submits
from deepchord.coordinator.runs import (
    cancel_run,
    check_broker,
    check_owner,
    extend_run,
    next_extension,
    owner_of,
    plan_distillation,
    plan_extension,
    resume_run,
    submit_remaining,
)
from deepchord.ensemble import Ensemble
from deepchord.interpreter_end import clean_up_after_this_process
from deepchord.live_display import show_views, views_until
from deepchord.report import Report
from deepchord.shared.datasets import Dataset, load_dataset
from deepchord.shared.errors import InputError
from deepchord.shared.messages import Evaluation, RunSpec
from deepchord.shared.queue import create_app
from deepchord.shared.settings import Settings, load_settings
from deepchord.shared.storage import RunStore


class Run:
    """A run: one that this process has started, or any other in storage."""

    def __init__(
        self, settings: Settings, store: RunStore, spec: RunSpec, background: BackgroundRun | None = None
    ) -> None:
        """Take a run in storage, and what follows it, if this process does."""
        self._settings = settings
        self._store = store
        self._spec = spec
        self._background = background
        self._ensemble: Ensemble | None = None
        if background is not None:
            clean_up_after_this_process(settings)

    @classmethod
    def open(cls, name: str = "last", *, storage: str | None = None, broker: str | None = None) -> "Run":
        """Return a run that is in storage, by its id, its name, or `last`.

        Raises:
            InputError: There is no run yet.
            RunNotFoundError: There is no such run.
        """
        settings = load_settings(broker=broker, storage=storage)
        store = RunStore.open(settings)
        return cls(settings, store, store.find(name))

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._spec.run_id

    @property
    def spec(self) -> RunSpec:
        """What is trained, as it is in storage now."""
        return self._store.run(self.run_id)

    @property
    def dataset(self) -> Dataset:
        """Its training and test images, the classes of these, and the classes' names."""
        return load_dataset(self.spec.dataset, self._store, self._settings.cache)

    @property
    def status(self) -> RunView:
        """The run as it is now: its `state`, records and progress of members, the ensemble so far."""
        followed = self._background.view if self._background is not None and self._background.is_alive else None
        return followed or view_run(self._reaching_settings(), self._store, self.spec)

    def watch(self) -> "Run":
        """Show the run until it has ended: a live view in a terminal or a notebook, lines elsewhere.

        Ctrl-C or an interrupted cell ends the view, not the run.

        Raises:
            RunFailedError: The run ended without an evaluation.
            RunCancelledError: Somebody cancelled it.
        """
        self._check_goes_on()
        view = show_views(self._views())
        if self._background is not None and not self._background.is_told:
            self._background.wait()
        raise_if_failed(view)
        return self

    def wait(self, timeout: float | None = None) -> "Run":
        """Wait until the run has ended.

        Args:
            timeout: Seconds to wait at most; None: as long as it takes.

        Raises:
            TimeoutError: The time is over, and the run goes on.
            RunFailedError: The run ended without an evaluation.
            RunCancelledError: Somebody cancelled it.
        """
        if self._background is not None and not self._background.is_told:
            if self._background.wait(timeout) is None:
                raise TimeoutError(f"Run {self.run_id} goes on after {timeout:g} s.")
            return self
        self._check_goes_on()
        for view in self._views(timeout):
            if view.has_ended:
                raise_if_failed(view)
                return self
        raise TimeoutError(f"Run {self.run_id} goes on after {timeout:g} s.")

    def cancel(self, *, force: bool = False) -> None:
        """Stop the run, with `force` also somebody else's: members stop at the next batch, until it is resumed.

        Raises:
            InputError: The run has ended, or is somebody else's.
        """
        check_owner(self._settings, self.spec, "cancel", force=force)
        cancel_run(self._store, self.spec, self._settings.host)

    def resume(self, *, force: bool = False) -> "Run":
        """Go on with a run, with `force` also somebody else's, that was cancelled or lost, or is to grow by itself.

        Raises:
            InputError: The run is evaluated, somebody else's, or this process follows it already.
        """
        self._check_not_followed()
        check_owner(self._settings, self.spec, "resume", force=force)
        more = next_extension(self._store, spec := self.spec)
        check_broker(self._settings, spec.require)
        self._go_on(more or spec, lambda: extend_run(self._store, more) if more else resume_run(self._store, spec))
        return self

    def extend(self, members: int, *, min_members: int | None = None, force: bool = False) -> "Run":
        """Add members: only the new ones are trained, and all of them are evaluated; return the run.

        Args:
            members: How many members the ensemble is to have in all.
            min_members: How many must be trained; None: the same share as before.
            force: Also if the run is somebody else's.

        Raises:
            InputError: It has so many members, is somebody else's, or this process still follows it.
        """
        self._check_not_followed()
        check_owner(self._settings, self.spec, "extend", force=force)
        extended = plan_extension(self.spec, members, min_members)
        check_broker(self._settings, extended.require)
        self._go_on(extended, lambda: extend_run(self._store, extended))
        return self

    def distill(self, **options: Any) -> "Run":
        """Train one network towards what the ensemble says, calibrated; return its run as soon as it is submitted.

        Args:
            options: `share`, `temperature`, `architecture`, `members`, `seed`, and those of the recipe, as `epochs`;
                what is not given is as the ensemble's. docs/recipes.md describes them.

        Raises:
            InputError: The run has not ended yet, or an option is not valid.
            RunFailedError: It ended without an evaluation.
        """
        settings = self._settings
        spec = plan_distillation(
            self._store,
            self.spec,
            options,
            max_attempts=settings.max_attempts,
            cache=settings.cache,
            owner=owner_of(settings),
        )
        check_broker(settings, spec.require)
        return submitted_run(settings, self._store, spec)

    @property
    def evaluation(self) -> Evaluation | None:
        """What the run ended with: scores of the ensemble and of its members; None: it has not ended so."""
        found = (self._store.evaluation(version).result() for version in self._store.specs(self.run_id))
        return next((evaluation for evaluation in found if evaluation is not None), None)

    @property
    def ensemble(self) -> Ensemble:
        """The trained ensemble, ready to predict.

        Raises:
            InputError: The run has not ended yet.
            RunFailedError: It ended without an evaluation.
        """
        evaluation = self.evaluation
        if self._ensemble is None or evaluation is None or len(self._ensemble) != evaluation.trained:
            self._ensemble = Ensemble.load(self.run_id, storage=self._settings.storage)
        return self._ensemble

    def report(self, folder: str | os.PathLike[str] | None = None) -> Report:
        """Write tables, figures and the page; return the report, which notebooks show.

        Args:
            folder: Where they go; None: the run's folder below `DEEPCHORD_RESULTS`.

        Raises:
            InputError: The run has not ended yet.
        """
        into = Path(folder) if folder is not None else self._settings.results / self.run_id
        _, page = write_run_report(self._settings, self._store, self.spec, into)
        return Report(page)

    def __repr__(self) -> str:
        return f"<Run {self.run_id} in {self._store.objects.url}: {self.status.state}>"

    def _views(self, timeout: float | None = None) -> Iterator[RunView]:
        if self._background is not None and self._background.is_alive:
            return self._background.views()
        return views_until(watch_run(self._reaching_settings(), self._store, self.spec), timeout)

    def _check_goes_on(self) -> None:
        """Raise `InputError` if the run had a broker of its own, which is gone: it would be waited for in vain."""
        is_followed = self._background is not None and self._background.is_alive
        if is_followed or session_of(self._settings, self.run_id) is not None or not self._store.is_local(self.run_id):
            return
        if not view_run(self._settings, self._store, self.spec).has_ended:
            raise InputError(f"Run {self.run_id} has not ended, and nobody trains it any more: resume() goes on.")

    def _reaching_settings(self) -> Settings:
        """Return the settings with the broker of the run: its own, if that is on this machine."""
        session = session_of(self._settings, self.run_id)
        return self._settings.model_copy(update={"broker": session.broker}) if session else self._settings

    def _go_on(self, spec: RunSpec, publish: Callable[[], RunSpec]) -> None:
        def start(session: BrokerSession) -> RunSpec:
            published = publish()
            submit_remaining(create_app(session.settings), self._store, published, local=session.embedded)
            return published

        self._background = BackgroundRun(self._settings, self._store, spec, start)
        clean_up_after_this_process(self._settings)

    def _check_not_followed(self) -> None:
        if self._background is not None and self._background.is_alive:
            raise InputError(f"Run {self.run_id} is under way here: wait() for its end, or cancel() it, first.")


def submitted_run(settings: Settings, store: RunStore, spec: RunSpec, *, keep_s: float = 0.0) -> Run:
    """Submit a new run and follow it; see `BackgroundRun`."""
    return Run(settings, store, spec, BackgroundRun(settings, store, spec, submits(store, spec), keep_s=keep_s))
