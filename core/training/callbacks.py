"""The callback between Keras and a run.

After each batch and epoch it sets the learning rate, carries out commands, emits events, saves what
the run keeps, and decides when the training ends.
"""

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
# Hours of training would fill the disk with progress: after ten minutes, a third of it is written.
_SLOW_PROGRESS_AFTER_S = 600.0
CHECKPOINT_EVERY_S = 30.0
_POLL_S = 0.05


Prune = Callable[[], bool]
"""Whether a search ends this training; its history on disk has the epoch that ended."""


class StopTraining(Exception):  # noqa: N818 - a request, not an error
    """Raised by an `on_event` function to end the training after the current batch."""


class EndedEarly(Exception):  # noqa: N818 - no error
    """Raised out of Keras's `fit` to end the training without another validation."""


@dataclass(frozen=True)
class TimeLimits:
    """How long a training may take.

    Attributes:
        seconds: of training, without pauses; 0: no limit.
        pause_seconds: of one pause.
    """

    seconds: float = 0.0
    pause_seconds: float = 600.0


class Clock:
    """Seconds of training; a pause does not count."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = time.monotonic()

    def __call__(self) -> float:
        elapsed = 0.0 if self._since is None else time.monotonic() - self._since
        return self._seconds + elapsed

    def stop(self) -> None:
        """Stop the clock; it may be stopped already."""
        self._seconds, self._since = self(), None

    def resume(self) -> None:
        """Run again from where the clock stopped."""
        self._since = time.monotonic()


class RunCallback(keras.callbacks.Callback):
    """The Keras callback of a run.

    Attributes:
        ended_by: why the training ended; empty while it goes on.
        state: where the training is.
        commands: the commands sent to the run.
        clock: the seconds of training.
    """

    def __init__(
        self,
        recipe: Recipe,
        n: int,
        state: TrainingState,
        writer: RunWriter,
        report: OnEvent,
        evaluate: Callable[[int], Event | None] | None = None,
        limits: TimeLimits = TimeLimits(),
        prune: Prune | None = None,
    ) -> None:
        """Begin at a state, new or from a checkpoint.

        Args:
            recipe: how the run is trained.
            n: the number of digits that are trained on in an epoch.
            state: where the training is; updated in place.
            writer: of the run's folder.
            report: is called with each event; it may raise StopTraining.
            evaluate: is called with each finished epoch and may return an event.
            limits: how long the training may take.
            prune: is asked after each epoch but the last whether the training is worth going on.
        """
        super().__init__()
        self.ended_by: EndedBy = ""
        self.state = state
        self.commands = CommandReader(
            writer.folder,
            position=state.orders_read,
            paused=state.paused,
            until=state.until,
        )
        self.clock = Clock(state.seconds)
        self._recipe, self._n, self._writer = recipe, n, writer
        self._report, self._evaluate, self._limits = report, evaluate, limits
        self._prune = prune
        self._steps = recipe.steps_per_epoch(n)
        # A training that goes on after early stopping begins with new patience.
        self._patience_from = state.epoch if writer.ended_before == "early stopping" else 0
        self._rate = 0.0
        self._saved_at = self.clock()
        self._begin_group()

    def emit(self, event: Event) -> None:
        """Report an event; the receiver may ask for the end."""
        try:
            self._report(event)
        except StopTraining:
            self._end("by hand")

    def wait_while_paused(self) -> None:
        """Carry out the commands, and wait for as long as they demand a pause."""
        self._read_commands()
        if not self._is_paused():
            return
        began = time.monotonic()
        self.clock.stop()
        self.emit(Paused(time.time(), self.state.epoch + 1, self.state.step))
        while self._is_paused():
            time.sleep(_POLL_S)
            self._read_commands()
            if time.monotonic() - began > self._limits.pause_seconds:
                self._end("pause limit")
        self.clock.resume()
        if not self.ended_by:
            self.emit(Resumed(time.time(), self.state.epoch + 1, self.state.step))
        self._begin_group()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        state = self.state
        self._steps_before = state.step
        self._sums_before = (state.loss_sum, state.accuracy_sum)
        if not state.step:
            state.epoch_began = self.clock()
        self._begin_group()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        recipe = self._recipe
        step = self.state.epoch * self._steps + self._steps_before + batch
        rate = recipe.schedule.at(step, self._steps * recipe.epochs, self.state.rate)
        if rate != self._rate:
            self.model.optimizer.learning_rate = rate
            self._rate = rate

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        state, self._logs = self.state, logs
        state.step = self._steps_before + batch + 1
        is_last = state.step == self._steps
        self.commands.step_done()
        self._read_commands()
        since = self.clock() - self._emitted_at
        if since >= self._interval() or is_last or self.ended_by or self.commands.paused:
            self._emit_progress(logs, since)
        if self.ended_by:
            self.model.stop_training = True
        elif not is_last and (self.commands.paused or self._save_is_due()):
            self._save()
            self.wait_while_paused()
            self.model.stop_training = bool(self.ended_by)

    def on_test_begin(self, logs: Any = None) -> None:
        # A stop does not wait for thousands of validation digits; but a complete epoch stays in the
        # history and gets its metrics.
        if self.ended_by and self.state.step < self._steps:
            self.on_epoch_end(self.state.epoch, self._logs)
            raise EndedEarly

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        state, is_whole = self.state, self.state.step == self._steps
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
        self._record_epoch(ended)
        if is_whole:
            state.epoch, state.step, state.loss_sum, state.accuracy_sum = epoch + 1, 0, 0.0, 0.0
        self.commands.epoch_done()
        if math.isfinite(ended.loss):
            self._save()
        else:  # keep the checkpoint from before it diverged
            self._end("diverged")
        self.emit(ended)
        if (
            self.ended_by != "diverged"
            and self._evaluate
            and (evaluated := self._evaluate(epoch + 1))
        ):
            self.emit(evaluated)
        if state.epoch == self._recipe.epochs:
            self._end("last epoch")
        if self._patience_exhausted():
            self._end("early stopping")
        if is_whole and not self.ended_by and self._prune and self._prune():
            self._end("pruning")
        self.wait_while_paused()
        if self.ended_by:
            self.model.stop_training = True

    def _is_paused(self) -> bool:
        return self.commands.paused and not self.ended_by

    def _end(self, reason: EndedBy) -> None:
        self.ended_by = self.ended_by or reason

    def _read_commands(self) -> None:
        self.commands.read()
        if self.commands.stop:
            self._end("by hand")
        if self._limits.seconds and self.clock() > self._limits.seconds:
            self._end("time limit")
        rate, state = self.commands.rate, self.state
        if rate is not None and rate != state.rate:
            state.rate = rate
            changed = RateChanged(time.time(), state.epoch + 1, state.step, rate)
            change = RateChange(epoch=changed.epoch, step=changed.step, learning_rate=rate)
            self._writer.update(rate_changes=(*self._writer.info.rate_changes, change))
            self.emit(changed)

    def _interval(self) -> float:
        return PROGRESS_EVERY_S * (3 if self.clock() > _SLOW_PROGRESS_AFTER_S else 1)

    def _begin_group(self) -> None:
        state = self.state
        self._emitted_at = self.clock()
        self._emitted_digits = self._digits(state.step)
        self._emitted_sums = (state.loss_sum, state.accuracy_sum)

    def _digits(self, step: int) -> int:
        """Digits in the first steps of an epoch; its last batch may be smaller."""
        return min(step * self._recipe.batch_size, self._n)

    def _means(self, logs: Any) -> tuple[float, float]:
        """Loss and accuracy of the epoch so far.

        Keras knows only the batches since this process resumed the epoch; earlier ones are added.
        """
        loss, accuracy = logs["loss"], logs["accuracy"]
        if not self._steps_before:
            return loss, accuracy
        digits_before, digits = self._digits(self._steps_before), self._digits(self.state.step)
        return (
            (self._sums_before[0] + loss * (digits - digits_before)) / digits,
            (self._sums_before[1] + accuracy * (digits - digits_before)) / digits,
        )

    def _emit_progress(self, logs: Any, since: float) -> None:
        # Keras reports means over the epoch's digits so far; the difference of two sums belongs to
        # the digits since the last progress.
        state, digits = self.state, self._digits(self.state.step)
        loss, accuracy = self._means(logs)
        state.loss_sum, state.accuracy_sum = loss * digits, accuracy * digits
        fresh = digits - self._emitted_digits
        self.emit(
            Progress(
                time.time(),
                state.epoch + 1,
                state.step,
                (state.loss_sum - self._emitted_sums[0]) / fresh,
                min(max((state.accuracy_sum - self._emitted_sums[1]) / fresh, 0.0), 1.0),
                self._rate,
                fresh / max(since, 1e-9),
            )
        )
        self._begin_group()
        if not math.isfinite(loss):
            self._end("diverged")

    def _record_epoch(self, ended: EpochEnded) -> None:
        row = {key: value for key, value in vars(ended).items() if key != "time"}
        self._writer.epoch(row, self.model.get_weights())
        self._writer.update(epochs_done=ended.epoch - (ended.steps < self._steps))
        loss, state = ended.val_loss, self.state
        if loss is not None and loss < state.best_loss:
            state.best_epoch, state.best_loss = ended.epoch, loss
            if self._recipe.keep_best:
                state.best_weights = self.model.get_weights()

    def _patience_exhausted(self) -> bool:
        patience, state = self._recipe.early_stopping, self.state
        since = max(state.best_epoch, self._patience_from)
        return bool(patience) and state.epoch - since >= patience

    def _save_is_due(self) -> bool:
        return self.clock() - self._saved_at > CHECKPOINT_EVERY_S

    def _save(self) -> None:
        state = self.state
        state.seconds, self._saved_at = self.clock(), self.clock()
        commands = self.commands
        state.orders_read, state.paused, state.until = (
            commands.position,
            commands.paused,
            commands.until,
        )
        checkpoints.save_checkpoint(self._writer.folder, state, self.model)
