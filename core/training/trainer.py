"""Recipe to run: `train` builds the network, trains it, tests it, and writes the run folder.

`resume_training` continues a run, or begins one that is queued. After each epoch,
`EpochEvaluator` lets the network read the sample's test digits, which it is never trained on.
"""

import math
import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from core import __version__
from core.data import mnist
from core.data.mnist import DatasetName, Split, download_mnist
from core.data.normalization import Scaling
from core.inference.predictor import Predictor, ScaledModel
from core.inference.temperature import fit_temperature
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
from core.training import checkpoints, fine_tuning, pseudo_labels
from core.training.callbacks import EndedEarly, Prune, RunCallback, StopTraining, TimeLimits
from core.training.checkpoints import TrainingState
from core.training.digits import labeled_digits
from core.training.input_pipeline import evaluation_batches, mixed_batches, training_batches
from core.training.pseudo_labels import PseudoLabeledDigits
from core.training.start_network import load_start_network
from core.utils.errors import RunError

__all__ = ["StopTraining", "forget_networks", "resume_training", "split_validation", "train"]
_DIVERGED = (
    "The training diverged: the network answers with numbers that are not finite, so it was not "
    "tested. Train it again with a smaller learning rate."
)
_DAMAGED_CHECKPOINT = (
    "The training cannot go on: its checkpoint is damaged. The network is as it was before; train "
    "it again if you want more of it."
)
NO_TIME_LIMITS = TimeLimits()
_DOWNLOAD_REPORT_EVERY_S = 0.5


def forget_networks() -> None:
    """Let Keras and TensorFlow forget the networks of this process, which trains another run now.

    They would keep what they know of all of them. What is trained is the same either way.
    """
    keras.utils.clear_session()


class EpochEvaluator:
    """Lets a network in training read the sample's 1,000 test digits after each epoch."""

    def __init__(self, model: keras.Model, scaling: Scaling) -> None:
        self._model, self._scaling = model, scaling
        self._predictor: Predictor | None = None

    @property
    def predictor(self) -> Predictor:
        """The network with its current weights; built on first use, because tracing takes time."""
        if self._predictor is None:
            self._predictor = Predictor(ScaledModel(self._model, self._scaling))
        return self._predictor

    def evaluate(self, epoch: int) -> EpochEvaluated | None:
        """Read the test digits; None if the network's numbers are not finite."""
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


def train(
    recipe: Recipe,
    folder: Path,
    on_event: OnEvent = lambda event: None,
    *,
    max_epoch_bytes: int = MAX_EPOCH_BYTES,
    preset: str = "",
    command: str = "",
) -> Run:
    """Train a recipe into a new run folder.

    The training can be stopped, which keeps what has been learned so far as a run with the status
    "stopped": by an `on_event` that raises StopTraining, or by the command "stop" in the folder
    (`core.runs.messages` lists the commands). Any other error is recorded in the run folder before
    it is raised.

    Args:
        recipe: how to train.
        folder: of the new run.
        on_event: is called with every event; it may raise StopTraining.
        max_epoch_bytes: the most that the stored weights of single epochs may take.
        preset: the name of the preset that the recipe is from.
        command: the command that makes such a run again.

    Raises:
        RunError: the folder cannot be written.
        DatasetError: the digits are not there.
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
        command=command,
    )
    return _train(writer, digits, on_event, NO_TIME_LIMITS)


def resume_training(
    writer: RunWriter,
    on_event: OnEvent = lambda event: None,
    limits: TimeLimits = NO_TIME_LIMITS,
    prune: Prune | None = None,
) -> Run:
    """Begin a queued run, or continue a run at its last checkpoint, up to its last epoch.

    The weights become the same, to the last bit, as those of an uninterrupted training. The full
    MNIST is downloaded if the run needs it and it is missing.

    Args:
        writer: a `ResumedWriter`, which is closed at the end.
        on_event: is called with every event; it may raise StopTraining.
        limits: how long the training may take.
        prune: is asked after each epoch whether the training is to end here.

    Raises:
        RunError: the folder cannot be written.
        DatasetError: the digits are not there.
    """
    recipe = writer.info.recipe
    try:
        if recipe.dataset == "mnist" and mnist.mnist_file() is None:
            download_mnist(_download_progress(writer, on_event))
        source = writer.info.provenance
        digits: Digits = (
            (fine_tuning.training_mixture(Run(writer.folder, writer.info)), None)
            if source.fine_tuned
            else _digits(recipe)
        )
        source = source.counted(len(digits[0]), len(digits[1] or ()))
        writer.update(provenance=source, versions=_versions(), machine=_machine())
    except BaseException as error:
        record_failure(writer, error, 0.0)
        writer.close()
        raise
    return _train(writer, digits, on_event, limits, prune)


def _download_progress(writer: RunWriter, on_event: OnEvent) -> Callable[[int, int], None]:
    reported_at = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal reported_at
        if time.monotonic() - reported_at < _DOWNLOAD_REPORT_EVERY_S and done < total:
            return
        reported_at = time.monotonic()
        event = Downloading(time.time(), done, total)
        writer.event(event_to_line(event))
        on_event(event)

    return progress


Digits = tuple[Split, Split | None]


def _digits(recipe: Recipe) -> Digits:
    return split_validation(labeled_digits(recipe), recipe)


def _provenance(recipe: Recipe, train_split: Split, validation: Split | None) -> Provenance:
    return Provenance(
        dataset=recipe.dataset,
        excluded_sample_test=recipe.exclude_sample_test,
        n_train=len(train_split),
        n_validation=len(validation or ()),
    )


def _train(
    writer: RunWriter,
    digits: Digits,
    on_event: OnEvent,
    limits: TimeLimits,
    prune: Prune | None = None,
) -> Run:
    def report(event: Event) -> None:
        writer.event(event_to_line(event))
        on_event(event)

    began = time.monotonic()
    try:
        ended = _train_and_test(writer, digits, report, limits, prune)
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
    writer: RunWriter,
    digits: Digits,
    report: OnEvent,
    limits: TimeLimits,
    prune: Prune | None,
) -> Ended:
    recipe = writer.info.recipe
    model = compiled_model(recipe)
    state = checkpoints.load_checkpoint(writer.folder, model)
    evaluator = EpochEvaluator(model, recipe.scaling)
    if state is None:
        if writer.info.model_sha256:
            raise RunError(_DAMAGED_CHECKPOINT)
        state = TrainingState(recipe.optimizer.learning_rate)
        if writer.info.provenance.start_sha256:
            start = load_start_network(Run(writer.folder, writer.info))
            model.set_weights(start.get_weights())
        fine_tuning.record_user_metrics(writer, evaluator.predictor.probabilities, "own_before")
    fitted, validation = digits
    epoch_digits = _with_pseudo_labels(writer, fitted)
    callback = RunCallback(
        recipe, len(epoch_digits), state, writer, report, evaluator.evaluate, limits, prune
    )
    _fit(model, callback, writer, epoch_digits, validation)
    if recipe.keep_best and state.best_weights:
        model.set_weights(state.best_weights)
        writer.update(best_epoch=state.best_epoch)
    ended_by = callback.ended_by or "last epoch"
    status = "finished" if ended_by in {"last epoch", "early stopping"} else "stopped"
    if all(np.isfinite(array).all() for array in model.get_weights()):
        writer.model(lambda path: _without_optimizer(model, recipe).save(path))
    tested = _test(evaluator.predictor, writer)
    _calibrate(evaluator.predictor, writer, validation, tested)
    fine_tuning.record_user_metrics(writer, evaluator.predictor.probabilities, "own_after")
    seconds = callback.clock()
    writer.update(status=status, ended_by=ended_by, seconds=round(seconds, 2))
    return Ended(time.time(), status, seconds, writer.info.error, ended_by)


def _with_pseudo_labels(writer: RunWriter, labeled: Split) -> Split | PseudoLabeledDigits:
    """The digits of an epoch; the network that the run began with labels those without labels.

    That is done again when a training continues: the same network gives the same answers.
    """
    run = Run(writer.folder, writer.info)
    if run.info.provenance.pseudo_labeled is None:
        return labeled
    start = Predictor(ScaledModel(load_start_network(run), run.info.recipe.scaling))
    digits = pseudo_labels.pseudo_labeled_digits(run, labeled, start.probabilities)
    pseudo_labels.record_pseudo_labels(writer, digits)
    return digits


def split_validation(digits: Split, recipe: Recipe) -> tuple[Split, Split | None]:
    """Split digits into those to fit and those to validate on.

    Like Keras's `validation_split`, the validation digits are the last ones, before any shuffling.
    """
    if recipe.validate_on_test:
        return digits, mnist.load(recipe.dataset).test
    if not recipe.validation_split:
        return digits, None
    border = math.floor(len(digits) * (1 - recipe.validation_split))
    return digits.take(slice(border)), digits.take(slice(border, None))


def _fit(
    model: keras.Model,
    callback: RunCallback,
    writer: RunWriter,
    digits: Split | PseudoLabeledDigits,
    validation: Split | None,
) -> None:
    """Train from the callback's state to the last epoch, or until the callback ends it."""
    recipe, state = writer.info.recipe, callback.state
    steps = recipe.steps_per_epoch(len(digits))
    first_step = state.epoch * steps + state.step
    writer.rewind(state.epoch, state.step)
    callback.emit(
        Started(
            time.time(),
            recipe.epochs,
            steps,
            len(digits),
            len(validation or ()),
            recipe.architecture.parameters,
            first_step,
        )
    )
    callback.wait_while_paused()
    # Keras begins with a whole epoch: the rest of an interrupted one is a part of its own.
    parts = [(steps - state.step, state.epoch + 1)] if state.step else []
    for count, until in (*parts, (steps, recipe.epochs)):
        if callback.ended_by or state.epoch >= until:
            continue
        with suppress(EndedEarly):
            model.fit(
                _batches(digits, recipe, state.epoch * steps + state.step),
                initial_epoch=state.epoch,
                epochs=until,
                steps_per_epoch=count,
                validation_data=evaluation_batches(validation, recipe) if validation else None,
                callbacks=[callback],
                shuffle=False,  # the pipeline shuffles
                verbose=0,
            )
    callback.clock.stop()


def _batches(
    digits: Split | PseudoLabeledDigits, recipe: Recipe, first_step: int
) -> tf.data.Dataset:
    if isinstance(digits, Split):
        return training_batches(digits, recipe, first_step)
    return mixed_batches(digits, recipe, first_step)


def _without_optimizer(model: keras.Model, recipe: Recipe) -> keras.Model:
    """A copy that was never compiled: Adam's two moments would treble the file."""
    bare = build_model(recipe.architecture)
    bare.set_weights(model.get_weights())
    return bare


def _test(predictor: Predictor, writer: RunWriter) -> dict[DatasetName, StoredPredictions]:
    """Answer the test digits of every dataset at hand, and store answers and scores.

    Returns:
        The answers by dataset; empty if the training diverged.
    """
    answers: dict[DatasetName, StoredPredictions] = {}
    metrics = {}
    for name in mnist.available():
        test = mnist.load(name).test
        try:
            answer = StoredPredictions(test.labels, predictor.probabilities(test.images))
        except RunError:
            writer.update(error=_DIVERGED, metrics={})
            return {}
        answers[name] = answer
        metrics[name] = score_predictions(answer, held_out=writer.info.provenance.held_out(name))
    writer.predictions(answers)
    writer.update(metrics=metrics)
    return answers


def _calibrate(
    predictor: Predictor,
    writer: RunWriter,
    validation: Split | None,
    tested: Mapping[DatasetName, StoredPredictions],
) -> None:
    """Fit the temperature on digits that the run neither learned from nor is tested on."""
    info = writer.info
    if not tested:  # it diverged
        return
    answers = []
    if validation and not info.recipe.validate_on_test:
        probabilities = predictor.probabilities(validation.images)
        answers.append(StoredPredictions(validation.labels, probabilities))
    if info.recipe.dataset == "mnist" and info.provenance.held_out("mnist-sample"):
        answers.append(tested["mnist-sample"])
    temperature = fit_temperature(answers)
    writer.update(temperature=temperature and round(temperature, 4))


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _versions() -> dict[str, str]:
    names = ("keras", "tensorflow", "numpy", "mlxtend")
    versions = {name: metadata.version(name) for name in names}
    return {"digitscope": __version__, "python": platform.python_version(), **versions}
