"""Long work in a thread of its own, done once for all visitors of the server."""

import logging
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Literal, TypeVar

from core.utils.errors import DigitscopeError

TaskStatus = Literal["idle", "waiting", "running", "done", "cancelled", "failed"]
Report = Callable[[int, int], None]
"""Called with (done, total), the total 0 while it is unknown. Raising stops the work."""
T = TypeVar("T")

MAX_TASKS: Final = 64
"""So many finished tasks are remembered, besides those at work."""
_POLL_S: Final = 0.2
_FAULT: Final = "This failed by a fault of the server. Try it again later."


@dataclass(frozen=True)
class TaskState(Generic[T]):
    """How far a task is.

    Attributes:
        status: Whether it waits, runs, or how it ended.
        done: How much of `total` is done.
        total: How much there is; 0 while that is unknown.
        problem: If it failed, a sentence for visitors.
        result: If it is done, what it returned.
    """

    status: TaskStatus = "idle"
    done: int = 0
    total: int = 0
    problem: str = ""
    result: T | None = None

    @property
    def fraction(self) -> float:
        """What part is done, 0 to 1; 0 while the total is unknown."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    @property
    def active(self) -> bool:
        """Whether it runs or waits for its turn."""
        return self.status in {"waiting", "running"}


class _CancelledError(Exception):
    """Raised in the report of the work, which stops it."""


# Held by the task that computes: two networks that answer at once would each take twice as long.
_computing = threading.Lock()


class BackgroundTask(Generic[T]):
    """One piece of work in a thread of its own; all visitors see the same one."""

    def __init__(
        self, work: Callable[[Report], T], *, heavy: bool = True, fault: str = _FAULT
    ) -> None:
        """Prepare the task; `start` begins it.

        Args:
            work: Called once with a report function, which it calls as it goes, and whose
                exceptions it lets through.
            heavy: Whether it computes, so that it waits while another heavy task runs.
            fault: The sentence for visitors if `work` raises anything but a DigitscopeError.
        """
        self._do = work
        self._heavy = heavy
        self._fault = fault
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._state: TaskState[T] = TaskState()

    @property
    def state(self) -> TaskState[T]:
        """The state at this moment."""
        with self._lock:
            return self._state

    def start(self) -> None:
        """Begin, unless it is at work already. Never raises: what goes wrong is in `state`."""
        with self._lock:
            if self._state.active:
                return
            self._state = TaskState("waiting" if self._heavy else "running")
            self._cancel.clear()
        threading.Thread(target=self._work, daemon=True, name="background task").start()

    def cancel(self) -> None:
        """Stop the work at its next report; what it has computed is lost."""
        self._cancel.set()

    def _work(self) -> None:
        try:
            result = self._in_turn()
        except _CancelledError:
            self._change(status="cancelled")
        except DigitscopeError as error:
            self._change(status="failed", problem=str(error))
        except Exception:
            logging.getLogger(__name__).exception("a background task failed")
            self._change(status="failed", problem=self._fault)
        else:
            self._change(status="done", result=result)

    def _in_turn(self) -> T:
        if not self._heavy:
            return self._do(self._report)
        while not _computing.acquire(timeout=_POLL_S):
            self._stop_if_cancelled()
        try:
            self._stop_if_cancelled()
            self._change(status="running")
            return self._do(self._report)
        finally:
            _computing.release()

    def _report(self, done: int, total: int) -> None:
        self._stop_if_cancelled()
        self._change(done=done, total=total)

    def _stop_if_cancelled(self) -> None:
        if self._cancel.is_set():
            raise _CancelledError

    def _change(self, **news: Any) -> None:
        with self._lock:
            self._state = replace(self._state, **news)


_tasks: dict[Hashable, BackgroundTask[Any]] = {}
"""The shared tasks by key, the least recently requested first."""
_tasks_lock = threading.Lock()


def shared_task(key: Hashable, work: Callable[[Report], T]) -> BackgroundTask[T]:
    """Get the server's one task of a key, made if there is none yet.

    The least recently requested tasks are forgotten, but none at work.

    Args:
        key: What is worked on and what is computed, such as a run's folder, the SHA-256 of its
            network, and a word.
        work: What a new task does (see `BackgroundTask`).

    Example:
        >>> task = shared_task("example", lambda report: 42)
        >>> task is shared_task("example", lambda report: 42), task.state.status
        (True, 'idle')
    """
    with _tasks_lock:
        task = _tasks.pop(key, None) or BackgroundTask(work)
        _tasks[key] = task
        idle = [other for other, rest in _tasks.items() if not rest.state.active and other != key]
        for other in idle[: max(0, len(_tasks) - MAX_TASKS)]:
            del _tasks[other]
        return task
