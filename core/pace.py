"""How fast a training goes, and how long the rest of it will take."""

import math
from collections import deque
from statistics import median
from typing import Final

RECENT_S: Final = 5.0
FORWARD_SHARE: Final = 1 / 3
"""Reading a digit costs about a third of learning from it: the backward pass takes two forward ones
(J. Kaplan and others, arXiv:2001.08361, section 2.1). Used until a validation was measured."""


class Pace:
    """Measures groups of batches, and what comes between the last batch of an epoch and the next.

    That is validation, saving, and a look at the test digits. Times are those of the events, so a
    training can be followed from its file at any time later.
    """

    def __init__(self) -> None:
        self._groups: deque[tuple[int, float]] = deque()
        self._between: list[float] = []
        self.begin()

    def begin(self) -> None:
        """A process takes the training up: its first group of batches also pays for tracing."""
        self._groups.clear()
        self._batches, self._seconds = 0, 0.0
        self._cold = True
        self.interrupt()

    def interrupt(self) -> None:
        """A pause: what follows is not measured from the last batch."""
        self._last_batch: float | None = None
        self._pending = False

    def batches_done(self, time: float, batches: int, speed: float) -> None:
        """A group of batches is done, at `speed` batches a second; `time`: Unix seconds."""
        self._last_batch, self._pending = time, False
        if self._cold or not 0 < speed < math.inf:
            self._cold = False
            return
        seconds = batches / speed
        self._count(batches, seconds)
        self._groups.append((batches, seconds))
        while self._seconds - self._groups[0][1] > RECENT_S:
            batches, seconds = self._groups.popleft()
            self._count(-batches, -seconds)

    def _count(self, batches: int, seconds: float) -> None:
        self._batches += batches
        self._seconds += seconds

    def epoch_over(self, time: float) -> None:
        """Something that follows an epoch's last batch is done."""
        if self._last_batch is None:
            return
        if self._pending:
            self._between.pop()
        self._between.append(max(time - self._last_batch, 0.0))
        self._pending = True

    @property
    def batches_per_second(self) -> float | None:
        """In the last seconds of training; None before a second group of batches is done."""
        return self._batches / self._seconds if self._groups else None

    def seconds_for(self, batches: int, epochs: int, validation: float) -> float | None:
        """How long `batches` and the ends of `epochs` will take; None before a speed is known.

        `validation`: the digits that are validated on, for each one that is trained on.
        """
        speed = self.batches_per_second
        if not speed:
            return None
        training = batches / speed
        if self._between:
            return training + epochs * median(self._between)
        return training * (1 + validation * FORWARD_SHARE)
