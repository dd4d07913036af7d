"""Following a training by its events: progress, speed, time left, and the points of its curves.

`LiveRun` reads the `events.jsonl` of a run as it grows; all visitors of this process share the one
that `followed_run` gives. `CurvePoints` collects the figures by groups of batches and merges them
for a small chart; `Throughput` measures how fast a training goes and how long its rest will take.
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
    """A training by groups of batches: columns of one length, float64 (n,), read-only.

    Attributes:
        x: epochs done at the end of the group; 1.5 is in the middle of the second epoch.
        loss: mean over the group's batches; NaN if it was not finite.
        accuracy: mean over the group's batches, 0 to 1.
        learning_rate: mean over the group's batches.
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
        loss, accuracy = _read_only(
            _moving_average(column, width) for column in (self.loss, self.accuracy)
        )
        return replace(self, loss=loss, accuracy=accuracy)


class CurvePoints:
    """Groups of batches in the order in which they were trained.

    Example:
        >>> points = CurvePoints()
        >>> for batch in (1, 2, 3, 4):
        ...     points.add(batch, 1, (4.0 / batch, 0.5, 0.001))
        >>> points.curve(steps=4, max_points=2).x.tolist()
        [0.5, 1.0]
    """

    def __init__(self) -> None:
        self._done: array[int] = array("q")
        self._batches: array[int] = array("q")
        self._values = (array("d"), array("d"), array("d"))

    @property
    def done(self) -> int:
        """The batches done at the last point, in all epochs; 0 if there is none."""
        return self._done[-1] if self._done else 0

    def add(self, done: int, batches: int, values: tuple[float, float, float]) -> None:
        """Append a group.

        Args:
            done: batches done at its end, in all epochs.
            batches: how many it has.
            values: loss, accuracy and learning rate, means over the group.
        """
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
        """The points, merged if they are many.

        Neighbors are joined by twos, fours, eights and so on from the first point, so that a curve
        that grows seldom changes where it was drawn already. Each mean is weighted by the batches
        that a point covers; nothing is smoothed.

        Args:
            steps: batches of an epoch.
            max_points: how many points the curve may have.

        Raises:
            ValueError: `max_points` is less than 1.
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


def _moving_average(values: Column, width: int) -> Column:
    if not len(values):
        return values.copy()
    half = width // 2
    padded = np.concatenate([np.zeros(half), values, np.zeros(half)])
    inside = np.concatenate([np.zeros(half), np.ones(len(values)), np.zeros(half)])
    window = np.ones(width)
    return np.convolve(padded, window, "valid") / np.convolve(inside, window, "valid")


_RECENT_S: Final = 5.0
"""The speed is that of so many seconds of training."""
_FORWARD_SHARE: Final = 1 / 3
"""Reading a digit costs about a third of learning from it: the backward pass takes two forward ones
(J. Kaplan and others, arXiv:2001.08361, section 2.1). Used until a validation was measured."""


class Throughput:
    """How fast batches are trained, and how long the end of an epoch takes.

    After the last batch of an epoch come validation, saving and a test. Times are those of the
    events, so a training can be followed from its file at any later time.
    """

    def __init__(self) -> None:
        self._groups: deque[tuple[int, float]] = deque()
        self._between: list[float] = []
        self.begin()

    def begin(self) -> None:
        """A process starts or continues the training: its first group includes tracing time."""
        self._groups.clear()
        self._batches, self._seconds = 0, 0.0
        self._cold = True
        self.interrupt()

    def interrupt(self) -> None:
        """Note a pause: what follows is not measured from the last batch."""
        self._last_batch: float | None = None
        self._pending = False

    def batches_done(self, time: float, batches: int, speed: float) -> None:
        """Note that a group of batches is done.

        Args:
            time: Unix seconds.
            batches: how many.
            speed: batches per second.
        """
        self._last_batch, self._pending = time, False
        if self._cold or not 0 < speed < math.inf:
            self._cold = False
            return
        seconds = batches / speed
        self._count(batches, seconds)
        self._groups.append((batches, seconds))
        while self._seconds - self._groups[0][1] > _RECENT_S:
            batches, seconds = self._groups.popleft()
            self._count(-batches, -seconds)

    def _count(self, batches: int, seconds: float) -> None:
        self._batches += batches
        self._seconds += seconds

    def epoch_over(self, time: float) -> None:
        """Note that something after an epoch's last batch is done; `time`: Unix seconds."""
        if self._last_batch is None:
            return
        if self._pending:
            self._between.pop()
        self._between.append(max(time - self._last_batch, 0.0))
        self._pending = True

    @property
    def batches_per_second(self) -> float | None:
        """The speed in the last seconds; None before the second group of batches is done."""
        return self._batches / self._seconds if self._groups else None

    def seconds_for(self, batches: int, epochs: int, validation: float) -> float | None:
        """How long the rest will take.

        Args:
            batches: still to be trained.
            epochs: whose ends are still to come.
            validation: digits that are validated on, per digit that is trained on.

        Returns:
            Seconds; None before a speed is known.
        """
        speed = self.batches_per_second
        if not speed:
            return None
        training = batches / speed
        if self._between:
            return training + epochs * median(self._between)
        return training * (1 + validation * _FORWARD_SHARE)


HISTORY: Final = (
    "epoch",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "seconds",
)
_COLUMN_TYPES: Final = {**dict.fromkeys((*HISTORY, "x"), float), "epoch": int}
_VALIDATORS: Final[dict[type, TypeAdapter[Any]]] = {k: TypeAdapter(k) for k in get_args(Event)}


@dataclass(frozen=True)
class CurveMark:
    """Where the learning rate was changed by hand.

    Attributes:
        x: as in a `LiveCurve`.
        learning_rate: the new one.
    """

    x: float
    learning_rate: float


class LiveRun:
    """What the events of a training tell so far. May be shared by threads.

    Nothing that it returns is changed later.

    Attributes:
        version: grows with each `update` that read something new. One visitor's `update` reads the
            events for all, so the others compare versions to see whether anything has changed.
        started: the last start; None before.
        progress: the last group of batches.
        downloading: how far the download of MNIST is; None if none is going on.
        ended: how it ended; None before.
        paused: whether it waits.
        steps_done: batches done, in all epochs.
        rate_changes: the changes of the learning rate by hand.
    """

    def __init__(self, folder: Path) -> None:
        """Follow the run in `folder`, which need not exist yet; `update` reads."""
        self._lock = Lock()
        self.version = 0
        self._tail = FileTail(folder / "events.jsonl")
        self._reset()

    @staticmethod
    def from_finished_run(run: Run) -> "LiveRun":
        """Read all events of a run once."""
        live = LiveRun(run.folder)
        live.update()
        return live

    def update(self) -> bool:
        """Read what was appended to the run's events; return whether there was anything."""
        with self._lock:
            news = self._tail.read()
            if news.restarted:
                self._reset()
            for line in news.lines:
                event = _event(line)
                if event is not None:
                    self._apply(event)
            changed = news.restarted or bool(news.lines)
            if changed:
                self.version += 1
                self._curves.clear()
            return changed

    def _reset(self) -> None:
        self.started: Started | None = None
        self.progress: Progress | None = None
        self.downloading: Downloading | None = None
        self.ended: Ended | None = None
        self.paused = False
        self.steps_done = 0
        self._points = CurvePoints()
        self._throughput = Throughput()
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
    def total_steps(self) -> int:
        """The batches of the whole training; 0 before it is known."""
        return self.started.steps * self.started.epochs if self.started else 0

    @property
    def epochs_done(self) -> int:
        """How many epochs have ended."""
        return len(self._epochs)

    @property
    def fraction(self) -> float:
        """How much of the training is done, 0 to 1."""
        return min(self.steps_done / self.total_steps, 1.0) if self.total_steps else 0.0

    @property
    def learning_rate(self) -> float | None:
        """The learning rate of the last batches; None before the first."""
        return self.progress.learning_rate if self.progress else None

    @property
    def images_per_second(self) -> float | None:
        """How fast it trained in the last seconds, validation not counted; None before known."""
        with self._lock:
            batches = self._throughput.batches_per_second
            return batches * self._batch_size if batches else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the training ends, if early stopping does not end it before.

        From its speed in the last seconds and the time between epochs so far. None before a speed
        is known; 0 when it has ended.
        """
        with self._lock:
            if self.ended:
                return 0.0
            if not self.started:
                return None
            left = self.total_steps - self.steps_done
            validation = self.started.n_validation / self.started.n_train
            return self._throughput.seconds_for(left, -(-left // self.steps), validation)

    @property
    def epochs(self) -> pd.DataFrame:
        """One row per epoch, as in `history.csv`, and `x`, where on a `LiveCurve` it ended.

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
                self._table = pd.DataFrame(rows, columns=[*HISTORY, "x"]).astype(_COLUMN_TYPES)
            return self._table.copy()

    def curve(self, max_points: int) -> LiveCurve:
        """The training by groups of batches, merged to at most `max_points`."""
        with self._lock:
            if max_points not in self._curves:
                self._curves[max_points] = self._points.curve(self.steps, max_points)
            return self._curves[max_points]

    @property
    def last_evaluation(self) -> EpochEvaluated | None:
        """The test after the last epoch that was tested; None before the first."""
        return next(reversed(self._evaluations), None)

    @property
    def marks(self) -> tuple[CurveMark, ...]:
        """Where on the curve the learning rate was changed by hand."""
        return tuple(
            CurveMark(self._position(change) / self.steps, change.learning_rate)
            for change in self.rate_changes
        )

    def _apply(self, event: Event) -> None:
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Downloading):
            self.downloading = event
        elif isinstance(event, Ended):
            self.ended, self.paused, self.downloading = event, False, None
        # Without Started, nobody knows how many steps an epoch has. Events between the last epoch
        # and the end may belong to the next one.
        elif self.started and 1 <= event.epoch <= self.started.epochs + 1:
            self._apply_training_event(event)

    def _start(self, event: Started) -> None:
        if min(event.epochs, event.steps, event.n_train) < 1 or event.first_step < 0:
            return
        if not event.first_step:
            self._reset()
        self.started = event
        self.ended = self.downloading = None
        self.paused = False
        self.steps_done = event.first_step
        self._throughput.begin()
        self._points.drop_after(event.first_step)
        done = {
            epoch: ended
            for epoch, ended in self._epochs.items()
            if self._end(ended) <= event.first_step
        }
        self._epochs, self._table = done, None
        self._evaluations = tuple(
            evaluation for evaluation in self._evaluations if evaluation.epoch in done
        )
        self.rate_changes = tuple(
            change for change in self.rate_changes if self._position(change) <= event.first_step
        )

    def _apply_training_event(
        self, event: Progress | EpochEnded | EpochEvaluated | Paused | Resumed | RateChanged
    ) -> None:
        if isinstance(event, Progress):
            self._apply_progress(event)
        elif isinstance(event, EpochEnded):
            self._epochs[event.epoch], self._table = event, None
            self._throughput.epoch_over(event.time)
        elif isinstance(event, EpochEvaluated):
            earlier = (past for past in self._evaluations if past.epoch < event.epoch)
            self._evaluations = (*earlier, event)
            self._throughput.epoch_over(event.time)
        elif isinstance(event, RateChanged):
            self.rate_changes = (*self.rate_changes, event)
        else:
            self.paused = isinstance(event, Paused)
            self.steps_done = self._position(event)
            self._throughput.interrupt()

    def _apply_progress(self, event: Progress) -> None:
        done = self._position(event)
        batches = done - self.steps_done
        if batches < 1:  # an older event, or a repeated one
            return
        self.progress, self.steps_done = event, done
        self._points.add(done, batches, (event.loss, event.accuracy, event.learning_rate))
        self._throughput.batches_done(
            event.time, batches, event.images_per_second / self._batch_size
        )

    def _position(self, event: Progress | Paused | Resumed | RateChanged) -> int:
        return (event.epoch - 1) * self.steps + event.step

    def _end(self, epoch: EpochEnded) -> int:
        """The batches that were done at an epoch's end."""
        return (epoch.epoch - 1) * self.steps + (epoch.steps or self.steps)


@lru_cache(maxsize=64)
def follow_run(folder: Path) -> LiveRun:
    """The `LiveRun` of a folder that all visitors of this process share; `update` before use."""
    return LiveRun(folder)


def followed_run(run: Run) -> LiveRun:
    """The shared `LiveRun` of a run, read up to now."""
    live = follow_run(run.folder)
    live.update()
    return live


def _event(line: str) -> Event | None:
    """The event of a line, or None if it is damaged or of an unknown kind."""
    # A process that was killed may leave half a line, and the next process appends to it.
    try:
        event = event_from_line(json.loads(line[max(line.rfind('{"event"'), 0) :]))
        return _VALIDATORS[type(event)].validate_python(vars(event)) if event else None
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None
