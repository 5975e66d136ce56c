"""Joins requests that come at the same time: one computation answers all of them.

No request waits for others to come. While all cores are busy, requests gather; the next free core takes them.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.answers import Answers, Question
from deepchord.ensemble.prediction import Prediction

#: More images of other requests are not joined; a single request may have more.
_MOST_JOINED = 256


@dataclass(frozen=True, eq=False, kw_only=True)
class _Waiting:
    """A request that waits."""

    pixels: NDArray[Any]
    question: Question
    answer: "asyncio.Future[Prediction]"


class Batcher:
    """Answers requests with as many computations at once as there are cores; use it in one event loop."""

    def __init__(
        self, answers: Answers, pool: Executor, cores: int, told: Callable[[int], object] = lambda _: None
    ) -> None:
        """Take what computes.

        Args:
            answers: The ensemble's graph.
            pool: Computes; it may be shared with other batchers.
            cores: How many computations may run at once.
            told: Called with the number of images of each computation.
        """
        self._answers = answers
        self._pool = pool
        self._free = cores
        self._told = told
        self._waiting: deque[_Waiting] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def answer(self, pixels: NDArray[Any], question: Question) -> Prediction:
        """Return what the ensemble says of images; for arguments and errors see `Answers.answer`."""
        future: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(pixels=pixels, question=question, answer=future)
        self._waiting.append(waiting)
        self._start()
        try:
            return await future
        finally:
            if waiting in self._waiting:  # whoever has asked waits no longer
                self._waiting.remove(waiting)

    def _start(self) -> None:
        """Compute what waits, if a core is free."""
        if self._free and self._waiting:
            batch = self._take()
            self._free -= 1
            task = asyncio.ensure_future(self._compute(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _take(self) -> list[_Waiting]:
        """Return the first request that waits, and others that ask the same of images of the same type."""
        first = self._waiting.popleft()
        batch, later, images = [first], deque[_Waiting](), len(first.pixels)
        for each in self._waiting:
            same = each.question == first.question and each.pixels.dtype == first.pixels.dtype
            if same and images + len(each.pixels) <= _MOST_JOINED:
                batch.append(each)
                images += len(each.pixels)
            else:
                later.append(each)
        self._waiting = later
        return batch

    async def _compute(self, batch: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        try:
            pixels = batch[0].pixels if len(batch) == 1 else np.concatenate([each.pixels for each in batch])
            self._told(len(pixels))
            whole = await loop.run_in_executor(self._pool, self._answer, pixels, batch[0].question)
        except Exception as error:  # noqa: BLE001  whatever it is, those who asked have to be told
            for each in batch:
                if not each.answer.done():
                    each.answer.set_exception(error)
        else:
            start = 0
            for each in batch:
                until = start + len(each.pixels)
                if not each.answer.done():
                    each.answer.set_result(whole.rows(start, until))
                start = until
        finally:
            self._free += 1
            self._start()

    def _answer(self, pixels: NDArray[Any], question: Question) -> Prediction:
        return self._answers.answer(pixels, question, threads=1)
