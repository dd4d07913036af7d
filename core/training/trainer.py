"""Recipe to run: `train` builds the network, trains it, tests it, and writes the run folder.

What a network answers while it is being trained, on digits that it is never trained on.
"""

import math
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import keras
import numpy as np

from core import __version__
from core.data import mnist
from core.data.mnist import Split, download_mnist
from core.data.normalization import Scaling
from core.inference.predictor import Predictor
from core.recipes.keras_model import build_model, compiled_model
from core.recipes.recipe import Recipe
from core.runs.messages import (
    Downloading,
    Ended,
    EpochEvaluated,
    Event,
    OnEvent,
    Started,
    event_to_line,
)
from core.runs.predictions import confused_pairs, hardest_digits, score_predictions
from core.runs.run import Provenance, Run, StoredPredictions
from core.runs.writer import MAX_EPOCH_BYTES, RunWriter, record_failure, why_unwritable
from core.training import checkpoints, fine_tuning
from core.training.callbacks import EndedEarly, RunCallback, StopTraining, TimeLimits
from core.training.checkpoints import TrainingState
from core.training.input_pipeline import evaluation_batches, training_batches
from core.utils.errors import RunError


class EpochEvaluator:
    """Lets a network that is being trained read the sample's 1,000 test digits."""

    def __init__(self, model: keras.Model, scaling: Scaling) -> None:
        self._model, self._scaling = model, scaling
        self._predictor: Predictor | None = None

    @property
    def predictor(self) -> Predictor:
        """The network as it is now; made when it is first asked for, because tracing takes time."""
        if self._predictor is None:
            self._predictor = Predictor(self._model, self._scaling)
        return self._predictor

    def look(self, epoch: int) -> EpochEvaluated | None:
        """Read the digits. None if the network's numbers are not finite: there is no answer."""
        test = mnist.load("mnist-sample").test
        try:
            probabilities = self.predictor.probabilities(test.images)
        except RunError:
            return None
        answers = probabilities.argmax(axis=1)
        hard = np.asarray(hardest_digits())
        return EpochEvaluated(
            time=time.time(),
            epoch=epoch,
            digits=tuple(hard.tolist()),
            answers=tuple(answers[hard].tolist()),
            confidences=tuple(round(float(p), 4) for p in probabilities[hard].max(axis=1)),
            n=len(answers),
            wrong=int((answers != test.labels).sum()),
            confusions=confused_pairs(test.labels, answers),
        )


__all__ = ["StopTraining", "resume_training", "split_validation", "train"]
DIVERGED = (
    "The training diverged: the network answers with numbers that are not finite, so it was not "
    "tested. Train it again with a smaller learning rate."
)
DAMAGED_CHECKPOINT = (
    "The training cannot go on: its checkpoint is damaged. The network is as it was before; train "
    "it again if you want more of it."
)
NO_TIME_LIMITS = TimeLimits()
DOWNLOAD_REPORT_EVERY_S = 0.5


def train(
    recipe: Recipe,
    folder: Path,
    on_event: OnEvent = lambda event: None,
    *,
    max_epoch_bytes: int = MAX_EPOCH_BYTES,
    preset: str = "",
) -> Run:
    """Train a recipe into a new run folder and return the run.

    `on_event` hears of every event; it may raise StopTraining, which keeps what has been learned so
    far as a run with the status "stopped". So does the order "stop" in the folder: see
    `core.runs.messages` for what else can be ordered. `max_epoch_bytes` bounds what the stored
    weights of single epochs may take; `preset` names where the recipe is from. Raises RunError if
    the folder cannot be written, DatasetError if the digits are not there; whatever else goes wrong
    is noted in the run folder before it is raised.
    """
    digits = _digits(recipe)  # before there is a folder: they may be missing
    writer = RunWriter(
        folder,
        recipe,
        _provenance(recipe, *digits),
        max_epoch_bytes=max_epoch_bytes,
        versions=_versions(),
        machine=_machine(),
        preset=preset,
    )
    return _train(writer, digits, on_event, NO_TIME_LIMITS)


def resume_training(
    writer: RunWriter, on_event: OnEvent = lambda event: None, bounds: TimeLimits = NO_TIME_LIMITS
) -> Run:
    """Train a run that waits for it, or go on where its last checkpoint is, up to its last epoch.

    An uninterrupted training would have given the same weights, to the last bit. `writer`: a
    `ResumedWriter`, which is closed at the end. `bounds`: what the training may take. The full
    MNIST is downloaded if the run needs it and it is missing. Raises like `train`.
    """
    recipe = writer.info.recipe
    try:
        if recipe.dataset == "mnist" and mnist.mnist_file() is None:
            download_mnist(_told_now_and_then(writer, on_event))
        source = writer.info.provenance
        if source.fine_tuned:
            digits: Digits = fine_tuning.training_mixture(Run(writer.folder, writer.info)), None
        else:
            digits = _digits(recipe)
        source = source.counted(len(digits[0]), len(digits[1] or ()))
        writer.update(provenance=source, versions=_versions(), machine=_machine())
    except BaseException as error:
        record_failure(writer, error, 0.0)
        writer.close()
        raise
    return _train(writer, digits, on_event, bounds)


def _told_now_and_then(writer: RunWriter, on_event: OnEvent) -> Callable[[int, int], None]:
    told_at = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at < DOWNLOAD_REPORT_EVERY_S and done < total:
            return
        told_at = time.monotonic()
        event = Downloading(time.time(), done, total)
        writer.event(event_to_line(event))
        on_event(event)

    return progress


Digits = tuple[Split, Split | None]


def _digits(recipe: Recipe) -> Digits:
    digits = mnist.training_split(recipe.dataset, exclude_sample_test=recipe.exclude_sample_test)
    return split_validation(digits, recipe)


def _provenance(recipe: Recipe, fitted: Split, validation: Split | None) -> Provenance:
    return Provenance(
        dataset=recipe.dataset,
        excluded_sample_test=recipe.exclude_sample_test,
        n_train=len(fitted),
        n_validation=len(validation or ()),
    )


def _train(writer: RunWriter, digits: Digits, on_event: OnEvent, bounds: TimeLimits) -> Run:
    def report(event: Event) -> None:
        writer.event(event_to_line(event))
        on_event(event)

    began = time.monotonic()
    try:
        ended = _train_and_test(writer, digits, report, bounds)
    except BaseException as error:
        # Ctrl-C too leaves a folder that says how it ended; nothing is swallowed.
        record_failure(writer, error, time.monotonic() - began)
        if isinstance(error, OSError):
            raise RunError(why_unwritable(error, writer.folder)) from error
        raise
    finally:
        writer.close()
    with suppress(StopTraining):  # too late to stop: it is over
        report(ended)
    return Run(writer.folder, writer.info)


def _train_and_test(
    writer: RunWriter, digits: Digits, report: OnEvent, bounds: TimeLimits
) -> Ended:
    recipe = writer.info.recipe
    model = compiled_model(recipe)
    state = checkpoints.load_checkpoint(writer.folder, model)
    onlooker = EpochEvaluator(model, recipe.scaling)
    if state is None:
        if writer.info.model_sha256:
            raise RunError(DAMAGED_CHECKPOINT)
        state = TrainingState(recipe.optimizer.learning_rate)
        if writer.info.provenance.fine_tuned:
            fine_tuning.load_start_weights(model, Run(writer.folder, writer.info))
            fine_tuning.record_user_metrics(writer, onlooker.predictor.probabilities, "own_before")
    watcher = RunCallback(recipe, len(digits[0]), state, writer, report, onlooker.look, bounds)
    _fit(model, watcher, writer, digits)
    if recipe.keep_best and state.best_weights:
        model.set_weights(state.best_weights)
        writer.update(best_epoch=state.best_epoch)
    ended_by = watcher.ended_by or "last epoch"
    status = "finished" if ended_by in {"last epoch", "early stopping"} else "stopped"
    if all(np.isfinite(array).all() for array in model.get_weights()):
        writer.model(lambda path: _without_optimizer(model, recipe).save(path))
    _test(onlooker.predictor, writer)
    fine_tuning.record_user_metrics(writer, onlooker.predictor.probabilities, "own_after")
    seconds = watcher.clock()
    writer.update(status=status, ended_by=ended_by, seconds=round(seconds, 2))
    return Ended(time.time(), status, seconds, writer.info.error, ended_by)


def split_validation(digits: Split, recipe: Recipe) -> tuple[Split, Split | None]:
    """The digits to fit and those to validate on.

    Like Keras's `validation_split`, it is the last part of the digits, before any shuffling.
    """
    if recipe.validate_on_test:
        return digits, mnist.load(recipe.dataset).test
    if not recipe.validation_split:
        return digits, None
    border = math.floor(len(digits) * (1 - recipe.validation_split))
    return digits.take(slice(border)), digits.take(slice(border, None))


def _fit(model: keras.Model, watcher: RunCallback, writer: RunWriter, digits: Digits) -> None:
    """Train from where the watcher's state is to the last epoch, or until the watcher ends it."""
    recipe, state = writer.info.recipe, watcher.state
    fitted, validation = digits
    steps = math.ceil(len(fitted) / recipe.batch_size)
    first_step = state.epoch * steps + state.step
    writer.rewind(state.epoch, state.step)
    watcher.tell(
        Started(
            time.time(),
            recipe.epochs,
            steps,
            len(fitted),
            len(validation or ()),
            recipe.architecture.parameters,
            first_step,
        )
    )
    watcher.heed()
    # Keras begins with a whole epoch: the rest of one that was broken off comes by itself.
    parts = [(steps - state.step, state.epoch + 1)] if state.step else []
    for count, until in (*parts, (steps, recipe.epochs)):
        if watcher.ended_by or state.epoch >= until:
            continue
        with suppress(EndedEarly):
            model.fit(
                training_batches(fitted, recipe, state.epoch * steps + state.step),
                initial_epoch=state.epoch,
                epochs=until,
                steps_per_epoch=count,
                validation_data=evaluation_batches(validation, recipe) if validation else None,
                callbacks=[watcher],
                shuffle=False,  # the pipeline shuffles
                verbose=0,
            )
    watcher.clock.stop()


def _without_optimizer(model: keras.Model, recipe: Recipe) -> keras.Model:
    """A copy that was never compiled: Adam's two moments would treble the file."""
    bare = build_model(recipe.architecture)
    bare.set_weights(model.get_weights())
    return bare


def _test(predictor: Predictor, writer: RunWriter) -> None:
    """Answer the test digits of every dataset at hand, and keep answers and scores."""
    answers = {}
    metrics = {}
    for name in mnist.available():
        test = mnist.load(name).test
        try:
            answer = StoredPredictions(test.labels, predictor.probabilities(test.images))
        except RunError:
            writer.update(error=DIVERGED, metrics={})
            return
        answers[name] = answer
        metrics[name] = score_predictions(answer, held_out=writer.info.provenance.held_out(name))
    writer.predictions(answers)
    writer.update(metrics=metrics)


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _versions() -> dict[str, str]:
    names = ("keras", "tensorflow", "numpy", "mlxtend")
    found = {name: metadata.version(name) for name in names}
    return {"digitscope": __version__, "python": platform.python_version(), **found}
