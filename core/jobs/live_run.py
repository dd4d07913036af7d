"""Following a training by the events that it writes, as they come.

The figures of a training, batch group by batch group, and fewer of them for a small chart.

How fast a training goes, and how long the rest of it will take.
"""

import json
import math
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from statistics import median
from threading import Lock
from typing import Any, Final, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter

from core.runs.messages import (
    Downloading,
    Ended,
    EpochEnded,
    EpochEvaluated,
    Event,
    Paused,
    Progress,
    RateChanged,
    Resumed,
    Started,
    event_from_line,
)
from core.runs.run import Run
from core.utils.files import FileTail
from core.utils.validation import read_only

Column = NDArray[np.float64]


@dataclass(frozen=True)
class LiveCurve:
    """Columns of one length, float64 (n,), read-only; a row is a group of batches.

    `x`: epochs done when the group was, so 1.5 is in the middle of the second. The others are means
    over the group's batches: `loss` (NaN if it was not finite), `accuracy` (0 to 1) and
    `learning_rate`.
    """

    x: Column
    loss: Column
    accuracy: Column
    learning_rate: Column

    def smoothed(self) -> "LiveCurve":
        """Loss and accuracy as moving averages over a twentieth of the points, at least three.

        At the ends the average is over what there is; a NaN makes its neighbors NaN too.
        """
        width = max(len(self.x) // 20, 3) // 2 * 2 + 1
        loss, accuracy = _read_only(_averaged(it, width) for it in (self.loss, self.accuracy))
        return replace(self, loss=loss, accuracy=accuracy)


class CurvePoints:
    """Groups of batches in the order in which they were trained."""

    def __init__(self) -> None:
        self._done: array[int] = array("q")
        self._batches: array[int] = array("q")
        self._values = (array("d"), array("d"), array("d"))

    @property
    def done(self) -> int:
        """The batches done at the last point, in all epochs; 0 if there is none."""
        return self._done[-1] if self._done else 0

    def add(self, done: int, batches: int, values: tuple[float, float, float]) -> None:
        """A group of `batches` that ended with batch `done`: loss, accuracy, learning rate."""
        self._done.append(done)
        self._batches.append(batches)
        for column, value in zip(self._values, values, strict=True):
            column.append(value)

    def drop_after(self, done: int) -> None:
        """Forget the groups that ended later than with batch `done`."""
        kept = bisect_right(self._done, done)
        for column in (self._done, self._batches, *self._values):
            del column[kept:]

    def curve(self, steps: int, max_points: int) -> LiveCurve:
        """All points if they are at most `max_points`, else the means of neighbors.

        Neighbors are joined by twos, fours, eights and so on from the first point, so that a curve
        that grows seldom changes where it was drawn already. Each mean is weighted by the batches
        that a point covers; nothing is smoothed. `steps`: batches of an epoch. Raises ValueError
        unless `max_points` is at least 1.
        """
        if max_points < 1:
            raise ValueError(f"a curve has at least one point, not {max_points}")
        batches = np.array(self._batches, np.float64)
        size = 1
        while size * max_points < len(batches):
            size *= 2
        starts = np.arange(0, len(batches), size)
        x = np.array(self._done, np.float64)[np.minimum(starts + size, len(batches)) - 1] / steps
        columns = [np.array(column) for column in self._values]
        if size > 1:
            weights = np.add.reduceat(batches, starts)
            columns = [np.add.reduceat(column * batches, starts) / weights for column in columns]
        return LiveCurve(*_read_only([x, *columns]))


def _read_only(columns: Iterable[Column]) -> list[Column]:
    return [read_only(column) for column in columns]


def _averaged(values: Column, width: int) -> Column:
    if not len(values):
        return values.copy()
    half = width // 2
    padded = np.concatenate([np.zeros(half), values, np.zeros(half)])
    there = np.concatenate([np.zeros(half), np.ones(len(values)), np.zeros(half)])
    window = np.ones(width)
    return np.convolve(padded, window, "valid") / np.convolve(there, window, "valid")


RECENT_S: Final = 5.0
FORWARD_SHARE: Final = 1 / 3
"""Reading a digit costs about a third of learning from it: the backward pass takes two forward ones
(J. Kaplan and others, arXiv:2001.08361, section 2.1). Used until a validation was measured."""


class Throughput:
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


HISTORY: Final = (
    "epoch",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "seconds",
)
_TYPES: Final = {**dict.fromkeys((*HISTORY, "x"), float), "epoch": int}
_CHECKS: Final[dict[type, TypeAdapter[Any]]] = {k: TypeAdapter(k) for k in get_args(Event)}


@dataclass(frozen=True)
class CurveMark:
    """Where the learning rate was changed by hand: `x` as in a Curve, and the new rate."""

    x: float
    learning_rate: float


class LiveRun:
    """What is known of one training so far. Shared by all who watch it, from any thread.

    Nothing that it gives is changed later. `version` grows whenever something new was read: since
    one visitor's `update` takes the news for all, it is `version` that tells another one of them.
    """

    def __init__(self, folder: Path) -> None:
        """Follow the run in `folder`, which may be missing still; `update` reads."""
        self._lock = Lock()
        self.version = 0
        self._tail = FileTail(folder / "events.jsonl")
        self._forget()

    @staticmethod
    def of_finished(run: Run) -> "LiveRun":
        """All that a run's events tell, read once."""
        live = LiveRun(run.folder)
        live.update()
        return live

    def update(self) -> bool:
        """Read what was appended to the run's events; whether there was anything."""
        with self._lock:
            news = self._tail.read()
            if news.restarted:
                self._forget()
            for line in news.lines:
                event = _event(line)
                if event is not None:
                    self._hear(event)
            changed = news.restarted or bool(news.lines)
            if changed:
                self.version += 1
                self._curves.clear()
            return changed

    def _forget(self) -> None:
        self.started: Started | None = None
        self.progress: Progress | None = None
        self.downloading: Downloading | None = None
        self.ended: Ended | None = None
        self.paused = False
        self.steps_done = 0
        self._points = CurvePoints()
        self._pace = Throughput()
        self._epochs: dict[int, EpochEnded] = {}
        self._evaluations: tuple[EpochEvaluated, ...] = ()
        self.rate_changes: tuple[RateChanged, ...] = ()
        self._curves: dict[int, LiveCurve] = {}
        self._table: pd.DataFrame | None = None

    @property
    def epoch(self) -> int:
        """The epoch, from 1, that the last batch belongs to; 0 before the first batch."""
        return -(-self.steps_done // self.steps)

    @property
    def step(self) -> int:
        """How many batches of that epoch are done."""
        return self.steps_done - max(self.epoch - 1, 0) * self.steps

    @property
    def steps(self) -> int:
        """The batches of one epoch; 1 before it is known."""
        return self.started.steps if self.started else 1

    @property
    def _batch_size(self) -> float:
        return self.started.n_train / self.started.steps if self.started else 1.0

    @property
    def steps_in_all(self) -> int:
        """The batches of the whole training; 0 before it is known."""
        return self.started.steps * self.started.epochs if self.started else 0

    @property
    def epochs_done(self) -> int:
        """How many epochs have ended."""
        return len(self._epochs)

    @property
    def fraction(self) -> float:
        """How much of the training is done, 0 to 1."""
        return min(self.steps_done / self.steps_in_all, 1.0) if self.steps_in_all else 0.0

    @property
    def learning_rate(self) -> float | None:
        """That of the last batches."""
        return self.progress.learning_rate if self.progress else None

    @property
    def images_per_second(self) -> float | None:
        """How fast it trained in the last seconds, validation not counted; None before known."""
        with self._lock:
            batches = self._pace.batches_per_second
            return batches * self._batch_size if batches else None

    @property
    def seconds_left(self) -> float | None:
        """Of the training, from its speed in the last seconds and the time between epochs so far.

        None before a speed is known; 0 when it has ended. Early stopping is not foreseen.
        """
        with self._lock:
            if self.ended:
                return 0.0
            if not self.started:
                return None
            left = self.steps_in_all - self.steps_done
            validation = self.started.n_validation / self.started.n_train
            return self._pace.seconds_for(left, -(-left // self.steps), validation)

    @property
    def epochs(self) -> pd.DataFrame:
        """A row an epoch, as in `history.csv`, and `x`, where on a Curve it ended.

        `x` is less than `epoch` where the training was stopped in the middle of one. Figures that
        were not measured, or were not finite, are NaN. A copy: change it as you like.
        """
        with self._lock:
            if self._table is None:
                rows = [
                    (*(getattr(ended, name) for name in HISTORY), self._end(ended) / self.steps)
                    for _, ended in sorted(self._epochs.items())
                ]
                # Without the types, a column of nothing but None would not hold numbers.
                self._table = pd.DataFrame(rows, columns=[*HISTORY, "x"]).astype(_TYPES)
            return self._table.copy()

    def curve(self, max_points: int) -> LiveCurve:
        """The training by groups of batches, at most `max_points` of them: see `Points.curve`."""
        with self._lock:
            if max_points not in self._curves:
                self._curves[max_points] = self._points.curve(self.steps, max_points)
            return self._curves[max_points]

    @property
    def last_evaluation(self) -> EpochEvaluated | None:
        """What the network answered after the last epoch."""
        return next(reversed(self._evaluations), None)

    @property
    def marks(self) -> tuple[CurveMark, ...]:
        """Where on the curve the learning rate was changed by hand."""
        return tuple(
            CurveMark(self._position(change) / self.steps, change.learning_rate)
            for change in self.rate_changes
        )

    def _hear(self, event: Event) -> None:
        if isinstance(event, Started):
            self._begin(event)
        elif isinstance(event, Downloading):
            self.downloading = event
        elif isinstance(event, Ended):
            self.ended, self.paused, self.downloading = event, False, None
        # Without Started, nobody knows how many steps an epoch has. What is told between the last
        # epoch and the end may belong to the next one.
        elif self.started and 1 <= event.epoch <= self.started.epochs + 1:
            self._hear_training(event)

    def _begin(self, event: Started) -> None:
        if min(event.epochs, event.steps, event.n_train) < 1 or event.first_step < 0:
            return
        if not event.first_step:
            self._forget()
        self.started = event
        self.ended = self.downloading = None
        self.paused = False
        self.steps_done = event.first_step
        self._pace.begin()
        self._points.drop_after(event.first_step)
        done = {
            k: ended for k, ended in self._epochs.items() if self._end(ended) <= event.first_step
        }
        self._epochs, self._table = done, None
        self._evaluations = tuple(k for k in self._evaluations if k.epoch in done)
        self.rate_changes = tuple(
            k for k in self.rate_changes if self._position(k) <= event.first_step
        )

    def _hear_training(
        self, event: Progress | EpochEnded | EpochEvaluated | Paused | Resumed | RateChanged
    ) -> None:
        if isinstance(event, Progress):
            self._hear_progress(event)
        elif isinstance(event, EpochEnded):
            self._epochs[event.epoch], self._table = event, None
            self._pace.epoch_over(event.time)
        elif isinstance(event, EpochEvaluated):
            self._evaluations = (*(k for k in self._evaluations if k.epoch < event.epoch), event)
            self._pace.epoch_over(event.time)
        elif isinstance(event, RateChanged):
            self.rate_changes = (*self.rate_changes, event)
        else:
            self.paused = isinstance(event, Paused)
            self.steps_done = self._position(event)
            self._pace.interrupt()

    def _hear_progress(self, event: Progress) -> None:
        done = self._position(event)
        batches = done - self.steps_done
        if batches < 1:  # told before
            return
        self.progress, self.steps_done = event, done
        self._points.add(done, batches, (event.loss, event.accuracy, event.learning_rate))
        self._pace.batches_done(event.time, batches, event.images_per_second / self._batch_size)

    def _position(self, event: Progress | Paused | Resumed | RateChanged) -> int:
        return (event.epoch - 1) * self.steps + event.step

    def _end(self, epoch: EpochEnded) -> int:
        """The batches that were done at an epoch's end."""
        return (epoch.epoch - 1) * self.steps + (epoch.steps or self.steps)


@lru_cache(maxsize=64)
def follow_run(folder: Path) -> LiveRun:
    """The one Live of a run folder that all in this process share; `update` it before use."""
    return LiveRun(folder)


def followed_run(run: Run) -> LiveRun:
    """The one Live of a run, read up to now."""
    live = follow_run(run.folder)
    live.update()
    return live


def _event(line: str) -> Event | None:
    """The event of a line, or None if it is damaged or of an unknown kind."""
    # A process that was killed may leave half a line, to which the next one appends a whole one.
    try:
        event = event_from_line(json.loads(line[max(line.rfind('{"event"'), 0) :]))
        return _CHECKS[type(event)].validate_python(vars(event)) if event else None
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None
