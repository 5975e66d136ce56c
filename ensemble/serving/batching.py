"""Joins requests that come at the same time: one computation answers all of them.

No request waits for others to come. While all cores are busy, requests gather; the next free core takes its share of
all images, so that no core has many and another few. A request that comes while nothing is computed gets all cores.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.ensemble.answers import Answers, AnyPrediction, Question
from deepchord.ensemble.ensemble import Ensemble

#: More images of other requests are not joined; a single request may have more.
_MOST_JOINED = 256
#: So many images may have all cores: they are done soon, so that those who come meanwhile are hardly kept from theirs.
_MOST_ALONE = 16


@dataclass(frozen=True, eq=False, kw_only=True)
class _Waiting:
    """A request that waits."""

    pixels: NDArray[Any]
    question: Question
    answer: "asyncio.Future[AnyPrediction]"


class Batcher:
    """Answers requests with as many computations at once as there are cores; use it in one event loop."""

    def __init__(
        self, ensemble: Ensemble, pool: Executor, cores: int, told: Callable[[int], object] = lambda _: None
    ) -> None:
        """Take what computes.

        Args:
            ensemble: The ensemble.
            pool: Computes; it may be shared with other batchers.
            cores: How many computations may run at once.
            told: Called with the number of images of each computation.
        """
        self._answers = ensemble.answers
        self._on_all_cores = ensemble.answers_on(cores) if cores > 1 else ensemble.answers
        self._pool = pool
        self._cores = cores
        self._free = cores
        self._computed_now = 0
        self._told = told
        self._waiting: deque[_Waiting] = deque()
        self._is_starting = False
        self._running: set[asyncio.Task[None]] = set()

    async def answer(self, pixels: NDArray[Any], question: Question) -> AnyPrediction:
        """Return what the ensemble says of images; for arguments and errors see `Answers.answer`."""
        future: asyncio.Future[AnyPrediction] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(pixels=pixels, question=question, answer=future)
        self._waiting.append(waiting)
        if not self._is_starting:
            # Not at once, so that all who have been heard in this turn of the loop are joined.
            self._is_starting = True
            asyncio.get_running_loop().call_soon(self._start)
        try:
            return await future
        finally:
            if waiting in self._waiting:  # whoever has asked waits no longer
                self._waiting.remove(waiting)

    def _start(self) -> None:
        """Compute what waits, as far as cores are free."""
        self._is_starting = False
        while self._free and self._waiting:
            images = self._computed_now + _images(self._waiting)
            is_alone = self._free == self._cores and images <= _MOST_ALONE
            batch = self._take(images if is_alone else min(_MOST_JOINED, math.ceil(images / self._cores)))
            self._free -= 1
            self._computed_now += _images(batch)
            task = asyncio.ensure_future(self._compute(batch, self._on_all_cores if is_alone else self._answers))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _take(self, most: int) -> list[_Waiting]:
        """Return the first request that waits, and others that ask the same of images of the same type.

        Args:
            most: How many images they may have together.
        """
        first = self._waiting.popleft()
        batch, later, images = [first], deque[_Waiting](), len(first.pixels)
        for each in self._waiting:
            same = each.question == first.question and each.pixels.dtype == first.pixels.dtype
            if same and images + len(each.pixels) <= most:
                batch.append(each)
                images += len(each.pixels)
            else:
                later.append(each)
        self._waiting = later
        return batch

    async def _compute(self, batch: list[_Waiting], answers: Answers) -> None:
        loop = asyncio.get_running_loop()
        try:
            pixels = batch[0].pixels if len(batch) == 1 else np.concatenate([each.pixels for each in batch])
            self._told(len(pixels))
            answer = partial(answers.answer, pixels, batch[0].question, threads=1)
            whole = await loop.run_in_executor(self._pool, answer)
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
            self._computed_now -= _images(batch)
            self._start()


def _images(requests: Iterable[_Waiting]) -> int:
    return sum(len(each.pixels) for each in requests)
