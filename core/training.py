"""Recipe to run: `train` builds the network, trains it, tests it, and writes the run folder."""

import math
import os
import platform
import time
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from core import __version__, datasets
from core.datasets import Split
from core.errors import RunError
from core.evaluation import score
from core.events import Ended, EpochEnded, Event, OnEvent, Progress, Started, as_line
from core.inference import Predictor
from core.pipeline import evaluation_batches, training_batches
from core.recipes import Optimizer, Recipe
from core.run_info import Provenance
from core.run_writer import MAX_EPOCH_BYTES, RunWriter
from core.runs import Predictions, Run

PROGRESS_EVERY_S = 0.3
DIVERGED = (
    "The training diverged: the network answers with numbers that are not finite, so it was not "
    "tested. Train it again with a smaller learning rate."
)


class StopTraining(Exception):  # noqa: N818 - a request, not an error
    """Raised by an `on_event` function to end the training after the batch at hand."""


def train(
    recipe: Recipe,
    folder: Path,
    on_event: OnEvent = lambda event: None,
    *,
    max_epoch_bytes: int = MAX_EPOCH_BYTES,
) -> Run:
    """Train a recipe into a new run folder and return the run.

    `on_event` hears of every event; it may raise StopTraining, which keeps what has been learnt so
    far as a run with the status "stopped". `max_epoch_bytes` bounds what the stored weights of
    single epochs may take. Raises RunError if the folder cannot be written, DatasetError if the
    digits are not there; whatever else goes wrong is noted in the run folder before it is raised.
    """
    digits = datasets.training_split(recipe.dataset, exclude_sample_test=recipe.exclude_sample_test)
    fitted, validation = split_validation(digits, recipe)
    writer = RunWriter(
        folder,
        recipe,
        Provenance(
            dataset=recipe.dataset,
            excluded_sample_test=recipe.exclude_sample_test,
            n_train=len(fitted),
            n_validation=len(validation or ()),
        ),
        max_epoch_bytes=max_epoch_bytes,
        versions=_versions(),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    )

    def report(event: Event) -> None:
        writer.event(as_line(event))
        on_event(event)

    began = time.monotonic()
    try:
        model, status = _fit(recipe, fitted, validation, writer, report)
        seconds = time.monotonic() - began
        writer.model(lambda path: _without_optimizer(model, recipe).save(path))
        _test(model, writer)
    except BaseException as error:
        # Ctrl-C too leaves a folder that says how it ended; nothing is swallowed.
        reason = str(error) or type(error).__name__
        writer.update(status="failed", error=reason)
        # Only the folder is told: whoever listens is told by the error itself, or is what failed.
        writer.event(as_line(Ended(time.time(), "failed", time.monotonic() - began, reason)))
        raise
    writer.update(status=status, seconds=round(seconds, 2))
    with suppress(StopTraining):  # too late to stop: it is over
        report(Ended(time.time(), status, seconds, writer.info.error))
    return Run(folder, writer.info)


def split_validation(digits: Split, recipe: Recipe) -> tuple[Split, Split | None]:
    """The digits to fit and those to validate on.

    Like Keras's `validation_split`, it is the last part of the digits, before any shuffling.
    """
    if recipe.validate_on_test:
        return digits, datasets.load(recipe.dataset).test
    if not recipe.validation_split:
        return digits, None
    border = math.floor(len(digits) * (1 - recipe.validation_split))
    return digits.take(slice(border)), digits.take(slice(border, None))


def build(recipe: Recipe) -> keras.Model:
    """The recipe's network, freshly seeded and compiled."""
    keras.utils.set_random_seed(recipe.seed)
    tf.config.experimental.enable_op_determinism()
    model = recipe.architecture.to_keras()
    loss: keras.losses.Loss = keras.losses.SparseCategoricalCrossentropy()
    if recipe.loss == "categorical_crossentropy":
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
    # On a CPU, XLA made these networks 5 to 8 times slower.
    model.compile(
        optimizer=_optimizer(recipe.optimizer), loss=loss, metrics=["accuracy"], jit_compile=False
    )
    return model


def _optimizer(wanted: Optimizer) -> keras.optimizers.Optimizer:
    decay = wanted.weight_decay or None
    rate = wanted.learning_rate
    optimizer: keras.optimizers.Optimizer
    if wanted.kind == "adam":
        optimizer = keras.optimizers.Adam(rate, beta_2=wanted.beta_2, weight_decay=decay)
    elif wanted.kind == "rmsprop":
        optimizer = keras.optimizers.RMSprop(rate, momentum=wanted.momentum, weight_decay=decay)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=wanted.momentum, weight_decay=decay)
    if decay:
        # Decaying biases and batch norm's scales gains nothing and can hurt.
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _fit(
    recipe: Recipe,
    fitted: Split,
    validation: Split | None,
    writer: RunWriter,
    report: OnEvent,
) -> tuple[keras.Model, str]:
    model = build(recipe)
    steps = math.ceil(len(fitted) / recipe.batch_size)
    watcher = _Watcher(recipe, len(fitted), writer, report)
    watcher.tell(
        Started(
            time.time(),
            recipe.epochs,
            steps,
            len(fitted),
            len(validation or ()),
            recipe.architecture.parameters,
        )
    )
    if not watcher.stopped:
        model.fit(
            training_batches(fitted, recipe),
            epochs=recipe.epochs,
            steps_per_epoch=steps,
            validation_data=evaluation_batches(validation, recipe) if validation else None,
            callbacks=[watcher],
            shuffle=False,  # the pipeline shuffles
            verbose=0,
        )
    return model, "stopped" if watcher.stopped else "finished"


def _without_optimizer(model: keras.Model, recipe: Recipe) -> keras.Model:
    """A copy that was never compiled: Adam's two moments would treble the file."""
    bare = recipe.architecture.to_keras()
    bare.set_weights(model.get_weights())
    return bare


class _Watcher(keras.callbacks.Callback):
    """Sets the learning rate before each batch, and turns Keras's callbacks into events."""

    def __init__(self, recipe: Recipe, n: int, writer: RunWriter, report: OnEvent) -> None:
        super().__init__()
        self.stopped = False
        self._recipe, self._n, self._writer, self._report = recipe, n, writer, report
        self._steps = math.ceil(n / recipe.batch_size)
        self._epoch = 0
        self._rate = 0.0
        self._epoch_began = self._told_at = 0.0
        self._told_digits, self._sums = 0, (0.0, 0.0)

    def tell(self, event: Event) -> None:
        try:
            self._report(event)
        except StopTraining:
            self.stopped = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        self._epoch_began = self._told_at = time.monotonic()
        self._told_digits, self._sums = 0, (0.0, 0.0)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        recipe = self._recipe
        step = self._epoch * self._steps + batch
        rate = recipe.schedule.at(step, self._steps * recipe.epochs, recipe.optimizer.learning_rate)
        if rate != self._rate:
            self.model.optimizer.learning_rate = rate
            self._rate = rate

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        now, step = time.monotonic(), batch + 1
        if now - self._told_at < PROGRESS_EVERY_S and step < self._steps:
            return
        # Keras reports means over the epoch's digits so far (its last batch may hold fewer than the
        # others); the difference of two sums is the group's own.
        digits = min(step * self._recipe.batch_size, self._n)
        sums = (logs["loss"] * digits, logs["accuracy"] * digits)
        fresh = digits - self._told_digits
        self.tell(
            Progress(
                time.time(),
                self._epoch + 1,
                step,
                (sums[0] - self._sums[0]) / fresh,
                min(max((sums[1] - self._sums[1]) / fresh, 0.0), 1.0),
                self._rate,
                fresh / max(now - self._told_at, 1e-9),
            )
        )
        self._told_at, self._told_digits, self._sums = now, digits, sums
        if self.stopped:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        ended = EpochEnded(
            time.time(),
            epoch + 1,
            logs["loss"],
            logs["accuracy"],
            logs.get("val_loss"),
            logs.get("val_accuracy"),
            self._rate,
            time.monotonic() - self._epoch_began,
        )
        row = {key: value for key, value in vars(ended).items() if key != "time"}
        self._writer.epoch(row, self.model.get_weights())
        self.tell(ended)
        if self.stopped:
            self.model.stop_training = True


def _test(model: keras.Model, writer: RunWriter) -> None:
    """Answer the test digits of every dataset at hand, and keep answers and scores."""
    predictor = Predictor(model, writer.info.recipe.scaling)
    answers = {}
    metrics = {}
    for name in datasets.available():
        test = datasets.load(name).test
        try:
            answer = Predictions(test.labels, predictor.probabilities(test.images))
        except RunError:
            writer.update(error=DIVERGED)
            return
        answers[name] = answer
        metrics[name] = score(answer, held_out=writer.info.provenance.held_out(name))
    writer.predictions(answers)
    writer.update(metrics=metrics)


def _versions() -> dict[str, str]:
    names = ("keras", "tensorflow", "numpy", "mlxtend")
    found = {name: metadata.version(name) for name in names}
    return {"digitscope": __version__, "python": platform.python_version(), **found}
