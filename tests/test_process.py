"""Processes: who may go on alone, and what is left of a lock."""

from __future__ import annotations

import fcntl
import threading
import time
from pathlib import Path

import pytest

from migstats import process


def test_a_lock_whose_holder_removed_it_is_taken_anew_by_the_one_who_waited(tmp_path: Path) -> None:
    """Whoever comes later has to find the lock of the second one, not the place where the first one's was."""
    file, inside, leave = tmp_path / "lock", threading.Event(), threading.Event()

    def second() -> None:
        with process.alone(file):
            inside.set()
            leave.wait(10)

    waiting = threading.Thread(target=second)
    with process.alone(file):
        waiting.start()
        time.sleep(0.2)  # it waits for the lock of the first one by now
        assert not inside.is_set()
    assert inside.wait(10)
    with file.open("w") as third, pytest.raises(BlockingIOError):
        fcntl.flock(third, fcntl.LOCK_EX | fcntl.LOCK_NB)
    leave.set()
    waiting.join(10)
    assert not file.exists()


def test_a_lock_that_a_killed_process_left_holds_up_nobody(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    file.touch()
    with process.alone(file):
        pass
    assert not file.exists()
