"""Following a training by the events that it writes, as they come."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Final, get_args

import pandas as pd
from pydantic import TypeAdapter

from core.curve import Curve, Points
from core.events import (
    Downloading,
    Ended,
    EpochEnded,
    Event,
    Looked,
    Paused,
    Progress,
    RateChanged,
    Resumed,
    Started,
    from_line,
)
from core.pace import Pace
from core.runs import Run
from core.tail import Tail

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
class Mark:
    """Where the learning rate was changed by hand: `x` as in a Curve, and the new rate."""

    x: float
    learning_rate: float


class Live:
    """What is known of one training so far. Shared by all who watch it, from any thread.

    Nothing that it gives is changed later. `version` grows whenever something new was read: since
    one visitor's `update` takes the news for all, it is `version` that tells another one of them.
    """

    def __init__(self, folder: Path) -> None:
        """Follow the run in `folder`, which may be missing still; `update` reads."""
        self._lock = Lock()
        self.version = 0
        self._tail = Tail(folder / "events.jsonl")
        self._forget()

    @staticmethod
    def of_finished(run: Run) -> "Live":
        """All that a run's events tell, read once."""
        live = Live(run.folder)
        live.update()
        return live

    def update(self) -> bool:
        """Read what was appended to the run's events; whether there was anything."""
        with self._lock:
            news = self._tail.read()
            if news.anew:
                self._forget()
            for line in news.lines:
                event = _event(line)
                if event is not None:
                    self._hear(event)
            changed = news.anew or bool(news.lines)
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
        self._points = Points()
        self._pace = Pace()
        self._epochs: dict[int, EpochEnded] = {}
        self._looked: tuple[Looked, ...] = ()
        self.rate_changes: tuple[RateChanged, ...] = ()
        self._curves: dict[int, Curve] = {}
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

    def curve(self, max_points: int) -> Curve:
        """The training by groups of batches, at most `max_points` of them: see `Points.curve`."""
        with self._lock:
            if max_points not in self._curves:
                self._curves[max_points] = self._points.curve(self.steps, max_points)
            return self._curves[max_points]

    @property
    def looked(self) -> Looked | None:
        """What the network answered after the last epoch."""
        return next(reversed(self._looked), None)

    @property
    def looked_before(self) -> Looked | None:
        """What it answered an epoch earlier."""
        return next(reversed(self._looked[:-1]), None)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Where on the curve the learning rate was changed by hand."""
        return tuple(
            Mark(self._position(change) / self.steps, change.learning_rate)
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
        self._looked = tuple(k for k in self._looked if k.epoch in done)
        self.rate_changes = tuple(
            k for k in self.rate_changes if self._position(k) <= event.first_step
        )

    def _hear_training(
        self, event: Progress | EpochEnded | Looked | Paused | Resumed | RateChanged
    ) -> None:
        if isinstance(event, Progress):
            self._hear_progress(event)
        elif isinstance(event, EpochEnded):
            self._epochs[event.epoch], self._table = event, None
            self._pace.epoch_over(event.time)
        elif isinstance(event, Looked):
            self._looked = (*(k for k in self._looked if k.epoch < event.epoch), event)
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
def follow(folder: Path) -> Live:
    """The one Live of a run folder that all in this process share; `update` it before use."""
    return Live(folder)


def followed(run: Run) -> Live:
    """The one Live of a run, read up to now."""
    live = follow(run.folder)
    live.update()
    return live


def _event(line: str) -> Event | None:
    """The event of a line, or None if it is damaged or of an unknown kind."""
    # A process that was killed may leave half a line, to which the next one appends a whole one.
    try:
        event = from_line(json.loads(line[max(line.rfind('{"event"'), 0) :]))
        return _CHECKS[type(event)].validate_python(vars(event)) if event else None
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None
