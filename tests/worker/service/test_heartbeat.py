import logging

import redis

from deepchord.shared.broker import WorkerRegistry
from deepchord.worker.service import Heartbeat


class Board(WorkerRegistry):
    """A board on a broker that answers as it is told to, and stops the worker when it has nothing more to say."""

    def __init__(self, *answers: Exception | None) -> None:
        self._answers = list(answers)

    def register(self, note: object) -> None:
        answer = self._answers.pop(0)
        if not self._answers:
            self.heartbeat._stopped.set()
        if answer is not None:
            raise answer

    def unregister(self, worker: str) -> None:
        """Nobody is there to be told."""


def test_a_worker_says_once_what_is_wrong_with_its_broker_and_again_when_it_happens_again(monkeypatch, caplog):
    monkeypatch.setattr("deepchord.worker.service.heartbeat._EVERY_S", 0.0)
    crowded = redis.ConnectionError("max number of clients reached")
    board = Board(crowded, crowded, redis.ConnectionError("Connection refused"), None, crowded, None)
    board.heartbeat = Heartbeat(board, worker="a", name="a@here", host="here", engine="jax", device=None)

    board.heartbeat.start()
    board.heartbeat._thread.join()

    said = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    begin = "This worker waits, for the broker takes no more connections (its maxclients is reached): "
    assert said == [f"{begin}raise its maxclients, or end clients that nobody needs."] * 2
