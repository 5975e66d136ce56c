import threading
from pathlib import Path

import pytest

from deepchord.shared.files import waiting_lock


def test_whoever_comes_second_waits_and_is_asked_meanwhile(tmp_path: Path):
    asked, order = threading.Event(), []

    def second() -> None:
        with waiting_lock(tmp_path / "lock", asked.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with waiting_lock(tmp_path / "lock", lambda: None):
        thread.start()
        assert asked.wait(60)
        order.append("first")
    thread.join()

    assert order == ["first", "second"]


def test_who_is_asked_may_give_up(tmp_path: Path):
    def give_up() -> None:
        raise RuntimeError("enough")

    with (
        waiting_lock(tmp_path / "lock", lambda: None),
        pytest.raises(RuntimeError, match="enough"),
        waiting_lock(tmp_path / "lock", give_up),
    ):
        pass
