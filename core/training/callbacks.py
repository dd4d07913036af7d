"""Between Keras and a run: the learning rate, orders, what is told, what is saved, when to end."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from core.recipes.recipe import Recipe
from core.runs.messages import (
    CommandReader,
    EpochEnded,
    Event,
    OnEvent,
    Paused,
    Progress,
    RateChanged,
    Resumed,
)
from core.runs.run import EndedBy, RateChange
from core.runs.writer import RunWriter
from core.training import checkpoints
from core.training.checkpoints import TrainingState

PROGRESS_EVERY_S = 0.3
# A training of hours would fill the disk with progress: after ten minutes a third of it does.
SLOW_PROGRESS_AFTER_S = 600.0
CHECKPOINT_EVERY_S = 30.0
POLL_S = 0.05


class StopTraining(Exception):  # noqa: N818 - a request, not an error
    """Raised by an `on_event` function to end the training after the batch at hand."""


class EndedEarly(Exception):  # noqa: N818 - no error
    """Raised out of Keras's `fit` when the training is to end without another validation."""


@dataclass(frozen=True)
class TimeLimits:
    """What a training may take: seconds of training (0: no limit) and of one pause."""

    seconds: float = 0.0
    pause_seconds: float = 600.0


class Clock:
    """Seconds of training; while it is stopped, in a pause, they stand still."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = time.monotonic()

    def __call__(self) -> float:
        passed = 0.0 if self._since is None else time.monotonic() - self._since
        return self._seconds + passed

    def stop(self) -> None:
        """Let it stand still; it may already."""
        self._seconds, self._since = self(), None

    def go_on(self) -> None:
        """Let it go on from where it stands."""
        self._since = time.monotonic()


class RunCallback(keras.callbacks.Callback):
    """Hears from Keras before and after each batch and epoch."""

    def __init__(
        self,
        recipe: Recipe,
        n: int,
        state: TrainingState,
        writer: RunWriter,
        report: OnEvent,
        look: Callable[[int], Event | None] | None = None,
        bounds: TimeLimits = TimeLimits(),
    ) -> None:
        """`n`: digits that are trained on in an epoch. `look` is asked after each epoch."""
        super().__init__()
        self.ended_by: EndedBy = ""
        self.state = state
        self.orders = CommandReader(
            writer.folder,
            position=state.orders_read,
            paused=state.paused,
            until=state.until,
        )
        self.clock = Clock(state.seconds)
        self._recipe, self._n, self._writer = recipe, n, writer
        self._report, self._look, self._bounds = report, look, bounds
        self._steps = math.ceil(n / recipe.batch_size)
        # Who lets a training go on that was stopped for want of progress grants it new patience.
        self._patient_since = state.epoch if writer.ended_before == "early stopping" else 0
        self._rate = 0.0
        self._saved_at = self.clock()
        self._begin_group()

    def tell(self, event: Event) -> None:
        """Report an event; whoever hears it may ask for the end."""
        try:
            self._report(event)
        except StopTraining:
            self._end("by hand")

    def heed(self) -> None:
        """Read the orders, and wait for as long as they say so."""
        self._read_orders()
        if not self._waits():
            return
        began = time.monotonic()
        self.clock.stop()
        self.tell(Paused(time.time(), self.state.epoch + 1, self.state.step))
        while self._waits():
            time.sleep(POLL_S)
            self._read_orders()
            if time.monotonic() - began > self._bounds.pause_seconds:
                self._end("pause limit")
        self.clock.go_on()
        if not self.ended_by:
            self.tell(Resumed(time.time(), self.state.epoch + 1, self.state.step))
        self._begin_group()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        state = self.state
        self._before = state.step
        self._sums_before = (state.loss_sum, state.accuracy_sum)
        if not state.step:
            state.epoch_began = self.clock()
        self._begin_group()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        recipe = self._recipe
        step = self.state.epoch * self._steps + self._before + batch
        rate = recipe.schedule.at(step, self._steps * recipe.epochs, self.state.rate)
        if rate != self._rate:
            self.model.optimizer.learning_rate = rate
            self._rate = rate

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        state, self._logs = self.state, logs
        state.step = self._before + batch + 1
        last = state.step == self._steps
        self.orders.step_done()
        self._read_orders()
        since = self.clock() - self._told_at
        if since >= self._interval() or last or self.ended_by or self.orders.paused:
            self._tell_progress(logs, since)
        if self.ended_by:
            self.model.stop_training = True
        elif not last and (self.orders.paused or self._save_is_due()):
            self._save()
            self.heed()
            self.model.stop_training = bool(self.ended_by)

    def on_test_begin(self, logs: Any = None) -> None:
        # Who stops a training does not want to wait for thousands of validation digits; but an
        # epoch that is whole stays in the history, and gets its figures.
        if self.ended_by and self.state.step < self._steps:
            self.on_epoch_end(self.state.epoch, self._logs)
            raise EndedEarly

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        state, whole = self.state, self.state.step == self._steps
        mean_loss, mean_accuracy = self._means(logs)
        ended = EpochEnded(
            time.time(),
            epoch + 1,
            mean_loss,
            mean_accuracy,
            logs.get("val_loss"),
            logs.get("val_accuracy"),
            self._rate,
            self.clock() - state.epoch_began,
            state.step,
        )
        self._keep(ended)
        if whole:
            state.epoch, state.step, state.loss_sum, state.accuracy_sum = epoch + 1, 0, 0.0, 0.0
        self.orders.epoch_done()
        if math.isfinite(ended.loss):
            self._save()
        else:  # what was saved before is worth more
            self._end("diverged")
        self.tell(ended)
        if self.ended_by != "diverged" and self._look and (seen := self._look(epoch + 1)):
            self.tell(seen)
        if state.epoch == self._recipe.epochs:
            self._end("last epoch")
        if self._patience_is_over():
            self._end("early stopping")
        self.heed()
        if self.ended_by:
            self.model.stop_training = True

    def _waits(self) -> bool:
        return self.orders.paused and not self.ended_by

    def _end(self, reason: EndedBy) -> None:
        self.ended_by = self.ended_by or reason

    def _read_orders(self) -> None:
        self.orders.read()
        if self.orders.stop:
            self._end("by hand")
        if self._bounds.seconds and self.clock() > self._bounds.seconds:
            self._end("time limit")
        rate, state = self.orders.rate, self.state
        if rate is not None and rate != state.rate:
            state.rate = rate
            changed = RateChanged(time.time(), state.epoch + 1, state.step, rate)
            change = RateChange(epoch=changed.epoch, step=changed.step, learning_rate=rate)
            self._writer.update(rate_changes=(*self._writer.info.rate_changes, change))
            self.tell(changed)

    def _interval(self) -> float:
        return PROGRESS_EVERY_S * (3 if self.clock() > SLOW_PROGRESS_AFTER_S else 1)

    def _begin_group(self) -> None:
        state = self.state
        self._told_at = self.clock()
        self._told_digits = self._digits(state.step)
        self._told_sums = (state.loss_sum, state.accuracy_sum)

    def _digits(self, step: int) -> int:
        """The last batch of an epoch may hold fewer than the others."""
        return min(step * self._recipe.batch_size, self._n)

    def _means(self, logs: Any) -> tuple[float, float]:
        """Loss and accuracy of the epoch so far.

        Keras knows those since this process took the epoch up; the earlier batches are added.
        """
        loss, accuracy = logs["loss"], logs["accuracy"]
        if not self._before:
            return loss, accuracy
        before, digits = self._digits(self._before), self._digits(self.state.step)
        return (
            (self._sums_before[0] + loss * (digits - before)) / digits,
            (self._sums_before[1] + accuracy * (digits - before)) / digits,
        )

    def _tell_progress(self, logs: Any, since: float) -> None:
        # Keras reports means over the epoch's digits so far; the difference of two sums is the
        # group's own.
        state, digits = self.state, self._digits(self.state.step)
        loss, accuracy = self._means(logs)
        state.loss_sum, state.accuracy_sum = loss * digits, accuracy * digits
        fresh = digits - self._told_digits
        self.tell(
            Progress(
                time.time(),
                state.epoch + 1,
                state.step,
                (state.loss_sum - self._told_sums[0]) / fresh,
                min(max((state.accuracy_sum - self._told_sums[1]) / fresh, 0.0), 1.0),
                self._rate,
                fresh / max(since, 1e-9),
            )
        )
        self._begin_group()
        if not math.isfinite(loss):
            self._end("diverged")

    def _keep(self, ended: EpochEnded) -> None:
        row = {key: value for key, value in vars(ended).items() if key != "time"}
        self._writer.epoch(row, self.model.get_weights())
        self._writer.update(epochs_done=ended.epoch - (ended.steps < self._steps))
        loss, state = ended.val_loss, self.state
        if loss is not None and loss < state.best_loss:
            state.best_epoch, state.best_loss = ended.epoch, loss
            if self._recipe.keep_best:
                state.best_weights = self.model.get_weights()

    def _patience_is_over(self) -> bool:
        patience, state = self._recipe.early_stopping, self.state
        since = max(state.best_epoch, self._patient_since)
        return bool(patience) and state.epoch - since >= patience

    def _save_is_due(self) -> bool:
        return self.clock() - self._saved_at > CHECKPOINT_EVERY_S

    def _save(self) -> None:
        state = self.state
        state.seconds, self._saved_at = self.clock(), self.clock()
        orders = self.orders
        state.orders_read, state.paused, state.until = orders.position, orders.paused, orders.until
        checkpoints.save_checkpoint(self._writer.folder, state, self.model)
