"""Waiting for work that a server does in the background."""

import time
from typing import Any

from core.utils.background import BackgroundTask, TaskState

SLOW_S = 60


def wait(chore: BackgroundTask[Any]) -> TaskState[Any]:
    """How it stands once it is neither at work nor waiting for its turn."""
    deadline = time.monotonic() + SLOW_S
    while chore.state.active:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return chore.state
