"""Long work that a server does once for all its visitors, beside what its pages do."""

import logging
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Literal, TypeVar

from core.utils.errors import DigitscopeError

TaskStatus = Literal["idle", "waiting", "running", "done", "cancelled", "failed"]
Report = Callable[[int, int], None]
"""Called with (how much is done, how much there is or 0 if unknown). Raising stops the work."""
T = TypeVar("T")

MAX_TASKS: Final = 64
"""So many chores are remembered, besides those that are at work."""
_LOOK_S: Final = 0.2
_FAULT: Final = "This failed by a fault of the server. Try it again later."


@dataclass(frozen=True)
class TaskState(Generic[T]):
    """How far a chore is: `done` of `total` (0: not known yet), its result, or why it failed."""

    status: TaskStatus = "idle"
    done: int = 0
    total: int = 0
    problem: str = ""
    result: T | None = None

    @property
    def fraction(self) -> float:
        """0 to 1; 0 while the whole is not known."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    @property
    def active(self) -> bool:
        """Whether it is at work, or waits for its turn."""
        return self.status in {"waiting", "running"}


class _CancelledError(Exception):
    """Raised in the work's own report, which stops it."""


# Who computes holds this: two networks that answer at once would each take twice as long.
_computing = threading.Lock()


class BackgroundTask(Generic[T]):
    """One piece of work, in a thread of its own; whoever asks sees the same one."""

    def __init__(
        self, do: Callable[[Report], T], *, heavy: bool = True, fault: str = _FAULT
    ) -> None:
        """`do` reports as it goes, and stops when its report raises.

        `heavy`: it computes, so it waits while another such chore does. `fault`: the sentence for
        visitors if `do` raises what is no DigitscopeError.
        """
        self._do = do
        self._heavy = heavy
        self._fault = fault
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._state: TaskState[T] = TaskState()

    @property
    def state(self) -> TaskState[T]:
        """How far it is now."""
        with self._lock:
            return self._state

    def start(self) -> None:
        """Begin, unless it has begun. Never raises: what goes wrong is in `state`."""
        with self._lock:
            if self._state.active:
                return
            self._state = TaskState("waiting" if self._heavy else "running")
            self._cancel.clear()
        threading.Thread(target=self._work, daemon=True, name="chore").start()

    def cancel(self) -> None:
        """Stop it soon; what was worked out is thrown away."""
        self._cancel.set()

    def _work(self) -> None:
        try:
            result = self._in_turn()
        except _CancelledError:
            self._change(status="cancelled")
        except DigitscopeError as error:
            self._change(status="failed", problem=str(error))
        except Exception:
            logging.getLogger(__name__).exception("a chore")
            self._change(status="failed", problem=self._fault)
        else:
            self._change(status="done", result=result)

    def _in_turn(self) -> T:
        if not self._heavy:
            return self._do(self._report)
        while not _computing.acquire(timeout=_LOOK_S):
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


_known: dict[Hashable, BackgroundTask[Any]] = {}
_knowing = threading.Lock()


def shared_task(key: Hashable, do: Callable[[Report], T]) -> BackgroundTask[T]:
    """The server's one chore of that key; `do` is what it does if it is new.

    `key`: what the work is on and what it gives, such as a run's folder, the SHA-256 of its
    network, and a word. Those that were asked for least lately are forgotten, but none at work.
    """
    with _knowing:
        chore = _known.pop(key, None) or BackgroundTask(do)
        _known[key] = chore
        resting = [old for old, one in _known.items() if not one.state.active and old != key]
        for old in resting[: max(0, len(_known) - MAX_TASKS)]:
            del _known[old]
        return chore
