"""A run's predictions after each epoch whose weights are kept, and what it learned when.

A run's folder holds, for each dataset, `epoch_predictions-DATASET.npz`: the SHA-256 of the finished
network, the labels, and for each epoch the probabilities, (n, 10), or none, (0, 10), if the network
could not answer then. There is one file per dataset, so that each is computed alone and shipped
files are never rewritten.

`predict_now` computes the answers of a finished run on a dataset that was not available when it was
trained.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.mnist import CLASSES
from core.data.statistics import split_of
from core.runs import registry, writer
from core.runs.predictions import Predictions, check_predictions
from core.runs.run import Network, Run, StoredPredictions
from core.utils.background import Report
from core.utils.errors import DigitscopeError, RunError
from core.utils.files import NPZ_ERRORS, file_stamp
from core.utils.validation import read_only

_LABELS, _NETWORK = "labels", "network"
EpochsStamp = tuple[int, ...]


class NotComputedError(DigitscopeError):
    """The answers after an epoch have to be computed first."""


def epoch_predictions_file(run: Run, dataset: str) -> Path:
    """The file with the answers on a dataset's test digits."""
    return run.folder / f"epoch_predictions-{dataset}.npz"


def load_epoch_predictions(network: Network, dataset: str) -> Predictions:
    """Read what a run answered after an epoch on a dataset's test digits.

    Args:
        network: the run's, as it was after an epoch.
        dataset: whose test digits.

    Returns:
        The answers; each time the same object.

    Raises:
        ValueError: it is the finished network (`core.runs.predictions.load_predictions`).
        NotComputedError: they have to be computed (`compute_epoch_predictions`).
        RunError: the weights of that epoch are not kept, or cannot answer.
    """
    run, epoch = network.run, network.epoch
    if epoch is None:
        raise ValueError(f"{network.name} is not asked after an epoch")
    kept = run.epochs()
    if epoch not in kept:
        raise RunError(
            f"The run {run.id!r} does not keep its epoch {epoch}. "
            f"The epochs kept are: {', '.join(map(str, kept)) or 'none'}."
        )
    by_epoch = _at_hand(run, dataset)
    if epoch not in by_epoch:
        raise _not_computed(run)
    predictions = by_epoch[epoch]
    if predictions is None:
        raise RunError(
            f"After epoch {epoch} the network of the run {run.id!r} gives no numbers to count: its "
            "training diverged, or its weights are damaged. Choose another epoch."
        )
    return predictions


def has_epoch_predictions(run: Run, dataset: str) -> bool:
    """Whether the answers after each kept epoch of a run are there."""
    return set(run.epochs()) <= set(_at_hand(run, dataset))


def all_epoch_predictions(run: Run, dataset: str) -> tuple[Predictions, ...]:
    """Read what a run answered after each of its epochs on a dataset's test digits.

    Args:
        run: whose networks are asked.
        dataset: whose test digits.

    Returns:
        The answers in the order of the epochs, without epochs that could not answer; empty if the
        run keeps none.

    Raises:
        NotComputedError: they have to be computed (`compute_epoch_predictions`).
    """
    if not has_epoch_predictions(run, dataset):
        raise _not_computed(run)
    by_epoch = _at_hand(run, dataset)
    return tuple(
        predictions for epoch in run.epochs() if (predictions := by_epoch[epoch]) is not None
    )


def compute_epoch_predictions(run: Run, dataset: str, report: Report) -> None:
    """Let the network of each kept epoch read a dataset's test digits, and keep its answers.

    Imports TensorFlow when it is called. `report` is told digits, and stops it when it raises.
    Networks are opened one after the other, besides those that visitors use. Raises RunError if the
    run was deleted or trained on meanwhile, DatasetError if the dataset cannot be loaded.
    """
    digits, epochs = split_of(dataset, "test"), run.epochs()
    total = len(digits) * len(epochs)
    arrays: dict[str, NDArray[Any]] = {
        _NETWORK: np.array(run.info.model_sha256),
        _LABELS: digits.labels,
    }
    report(0, total)
    for place, epoch in enumerate(epochs):
        before = place * len(digits)

        def so_far(read: int, before: int = before) -> None:
            report(before + read, total)

        arrays[str(epoch)] = _packed(_answers(run, epoch, digits.images, so_far))
    name = epoch_predictions_file(run, dataset).name
    writer.store_derived_file(run, name, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]


def first_learned_epochs(epoch_predictions: Sequence[Predictions]) -> NDArray[np.intp]:
    """For each digit the epoch from which on it is read rightly to the end, int (n,); 0: never.

    Args:
        epoch_predictions: answers to the same digits after successive epochs; at least one.
    """
    right = np.stack([predictions.correct for predictions in epoch_predictions])
    epochs = np.array([predictions.epoch or 0 for predictions in epoch_predictions])
    # Right to the end: of the rows turned round, all so far.
    to_the_end = np.logical_and.accumulate(right[::-1])[::-1]
    first = to_the_end.argmax(axis=0)
    return np.where(to_the_end[-1], epochs[first], 0).astype(np.intp)


def forgetting_events(epoch_predictions: Sequence[Predictions]) -> NDArray[np.intp]:
    """For each digit how often it changes between right and wrong from epoch to epoch, int (n,)."""
    right = np.stack([predictions.correct for predictions in epoch_predictions])
    return np.asarray((right[1:] != right[:-1]).sum(axis=0), np.intp)


def _answers(
    run: Run, epoch: int, images: NDArray[np.uint8], report: Callable[[int], None]
) -> NDArray[np.float32]:
    """The probabilities after an epoch, (n, 10), or none, (0, 10), if there is no network."""
    from core.inference.predictor import open_predictor

    registry.read_run(run.folder)  # a run that is deleted meanwhile is no damaged one
    try:
        return open_predictor(Network(run, epoch)).probabilities(images, report)
    except RunError:
        return np.empty((0, CLASSES), np.float32)


def _packed(probabilities: NDArray[np.float32]) -> NDArray[Any]:
    """Convert to float16, if every answer stays the same."""
    halves = probabilities.astype(np.float16)
    same = (halves.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    return halves if same else probabilities


def _at_hand(run: Run, dataset: str) -> dict[int, Predictions | None]:
    try:
        stamp = file_stamp(epoch_predictions_file(run, dataset))
    except OSError:
        return {}
    return _read(Network(run), dataset, stamp)


@lru_cache(maxsize=8)
def _read(finished: Network, dataset: str, _stamp: EpochsStamp) -> dict[int, Predictions | None]:
    """By epoch; nothing, if the file is damaged or of another network than the finished one."""
    run, digits = finished.run, split_of(dataset, "test")
    try:
        with (
            epoch_predictions_file(run, dataset).open("rb") as file,
            np.load(file, allow_pickle=False) as archive,
        ):
            stored = {name: archive[name] for name in archive.files}
    except NPZ_ERRORS:
        return {}
    same_network = str(stored.pop(_NETWORK, "")) == run.info.model_sha256
    if not same_network or not np.array_equal(stored.pop(_LABELS, ()), digits.labels):
        return {}
    held_out = run.info.provenance.held_out(dataset)
    by_epoch: dict[int, Predictions | None] = {}
    for name, packed in stored.items():
        probabilities = packed.astype(np.float32)
        epoch = int(name)
        if not len(packed):
            by_epoch[epoch] = None
            continue
        try:
            check_predictions(run.id, StoredPredictions(digits.labels, probabilities))
        except RunError:
            continue
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        read_only(probabilities)
        by_epoch[epoch] = Predictions(
            Network(run, epoch),
            dataset,
            digits.images,
            digits.labels,
            probabilities,
            held_out,
        )
    return by_epoch


def _not_computed(run: Run) -> NotComputedError:
    return NotComputedError(
        f"What the run {run.id!r} answered after each epoch is not worked out yet. "
        "Start that, or choose the finished network."
    )


def predict_now(run: Run, dataset: str, report: Report) -> Predictions:
    """Let the finished network of a run read a dataset's test digits, if no answers were stored.

    Imports TensorFlow when it is called. `report` is told how many of how many are read, and stops
    it when it raises. Raises RunError if the network cannot be opened or answers with numbers that
    are not finite, DatasetError if the dataset cannot be loaded.
    """
    from core.inference.predictor import load_predictor

    digits, predictor = split_of(dataset, "test"), load_predictor(Network(run))
    report(0, len(digits))
    probabilities = predictor.probabilities(digits.images, lambda read: report(read, len(digits)))
    held_out = run.info.provenance.held_out(dataset)
    return Predictions(
        Network(run), dataset, digits.images, digits.labels, read_only(probabilities), held_out
    )
