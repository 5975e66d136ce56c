"""A gate that holds trainings and evaluations at a known place, so that no test has to be faster than they are.

The workers of tests have it, people's do not (tests/inside/gate.py). It is open until a test closes it, before it
submits what is to be held.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.waiting import wait_until


@dataclass(frozen=True, kw_only=True, order=True)
class Held:
    """An attempt at a member that waits at the gate, or was killed there."""

    index: int
    attempt: int
    epochs: int
    process_id: int


@dataclass(frozen=True)
class Gate:
    """The gate of all workers that know its folder."""

    folder: Path

    def variables(self) -> dict[str, str]:
        """What tells a worker that has the module `gate` inside where its gate is."""
        self._marks.mkdir(parents=True, exist_ok=True)
        return {"TESTS_GATE": str(self.folder)}

    def hold(self, *, after: int, index: int | None = None, attempt: int | None = None) -> None:
        """Let members train so many epochs and wait in the next one: all, or a certain one, or its certain attempt.

        What was said of a certain attempt goes before what is said of its member, and that before what is said of all.
        """
        self._say(str(after), _name(index, attempt))

    def open(self, *, index: int | None = None, attempt: int | None = None) -> None:
        """Let members go on; without an index all of them, whatever was said of a certain one."""
        if index is not None:
            self._say("open", _name(index, attempt))
            return
        for said in self.folder.iterdir():
            if said != self._marks and said.name != _EVALUATIONS:
                said.unlink()

    def open_for_others(self) -> None:
        """Let all members go on of which nothing special was said."""
        self._say("open", _name(None, None))

    def hold_evaluations(self) -> None:
        """Let evaluations wait once they are begun."""
        self._say("0", _EVALUATIONS)

    def open_for_evaluations(self) -> None:
        """Let evaluations go on."""
        (self.folder / _EVALUATIONS).unlink()

    def held(self) -> list[Held]:
        """Return the attempts that wait, or were killed while they did; in order."""
        found = []
        for mark in self._marks.glob("[0-9]*.[0-9]*"):
            try:
                epochs, process_id = map(int, mark.read_text().split())
            except FileNotFoundError:  # let go at this moment
                continue
            index, attempt = map(int, mark.name.split("."))
            found.append(Held(index=index, attempt=attempt, epochs=epochs, process_id=process_id))
        return sorted(found)

    def wait_for(self, epochs: int, *, index: int = 0, attempt: int | None = None) -> Held:
        """Wait until a member, or its certain attempt, is held with so many epochs behind it, or more."""

        def matching() -> list[Held]:
            of_member = [held for held in self.held() if held.index == index and held.epochs >= epochs]
            return [held for held in of_member if attempt in (None, held.attempt)]

        return wait_until(matching, f"member {index} to be held after epoch {epochs}")[-1]

    def wait_for_evaluation(self) -> None:
        """Wait until an evaluation is held."""
        wait_until((self._marks / _EVALUATIONS).exists, "an evaluation to be held")

    @property
    def _marks(self) -> Path:
        return self.folder / "held"

    def _say(self, what: str, name: str) -> None:
        half_written = self._marks / f".{name}"
        half_written.write_text(what)
        half_written.replace(self.folder / name)


_EVALUATIONS = "evaluations"


def _name(index: int | None, attempt: int | None) -> str:
    if index is None:
        return "members"
    return f"{index}" if attempt is None else f"{index}.{attempt}"
