"""The download of the full MNIST as something a server does once, for all its visitors."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from core.download import Progress, download_mnist
from core.errors import DatasetError

Status = Literal["idle", "running", "done", "cancelled", "failed"]


@dataclass(frozen=True)
class Fetch:
    """How far the download is: bytes `done` of `total` (0: not known yet), and why it failed."""

    status: Status = "idle"
    done: int = 0
    total: int = 0
    problem: str = ""

    @property
    def fraction(self) -> float:
        """0 to 1; 0 while the whole is not known."""
        return min(self.done / self.total, 1.0) if self.total else 0.0


class _CancelledError(Exception):
    """Raised in the download's own report, which stops it."""


class Fetcher:
    """One download at a time, in a thread of its own; whoever asks sees the same one."""

    def __init__(self, download: Callable[[Progress], object] = download_mnist) -> None:
        """`download` reports as it goes, and stops when its report raises."""
        self._download = download
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._state = Fetch()

    @property
    def state(self) -> Fetch:
        """How far it is now."""
        with self._lock:
            return self._state

    def start(self) -> None:
        """Begin, unless it is running. Never raises: what goes wrong is in `state`."""
        with self._lock:
            if self._state.status == "running":
                return
            self._state = Fetch("running")
            self._cancel.clear()
        threading.Thread(target=self._fetch, daemon=True, name="fetch").start()

    def cancel(self) -> None:
        """Stop it soon; what came is thrown away."""
        self._cancel.set()

    def _fetch(self) -> None:
        try:
            self._download(self._report)
        except _CancelledError:
            self._change(status="cancelled")
        except DatasetError as error:
            self._change(status="failed", problem=str(error))
        except Exception:
            logging.getLogger(__name__).exception("downloading MNIST")
            self._change(status="failed", problem="The download failed. Try it again later.")
        else:
            self._change(status="done")

    def _report(self, done: int, total: int) -> None:
        if self._cancel.is_set():
            raise _CancelledError
        self._change(done=done, total=total)

    def _change(self, **news: object) -> None:
        with self._lock:
            self._state = replace(self._state, **news)  # type: ignore[arg-type]


MNIST = Fetcher()
