"""What other runs answer on one digit, and how the answer of one run changed over its epochs.

This module opens its own networks. It does not use the predictors that visitors draw with
(`core.inference.predictor` keeps 8 of them), so that a visitor who asks all runs evicts nobody
else's network. These networks answer one digit at a time, without the traced functions that make
batches fast. All answers are calibrated (`core.inference.reader`), as those of the selected run
are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from core.data.normalization import scale
from core.inference.temperature import apply_temperature, run_temperature
from core.runs import registry
from core.runs.permissions import is_shipped, shown_name
from core.runs.run import Network, Run
from core.utils.background import Report
from core.utils.errors import RunError
from core.utils.validation import Predict

if TYPE_CHECKING:
    from core.inference.predictor import ScaledModel

MAX_RUNS: Final = 12
"""The most other runs that answer: all that ship, then the newest of the others."""
_NETWORKS_KEPT: Final = 2 * MAX_RUNS
_RUNS_KEPT: Final = 4
"""Runs whose epoch weights are cached as float16: at most 25 MB each, usually 4 MB."""

_DIVERGED: Final = "It answers with numbers that are not finite: its training diverged."


@dataclass(frozen=True)
class RunPrediction:
    """The answer of a run on one digit, or the reason why there is none.

    Attributes:
        run: the id of the run.
        name: what its visitor calls it, else its id.
        mistakes: wrong answers on test digits, as "38 of 10,000"; empty if the run was not tested.
        answer: the digit, 0 to 9; -1 without an answer.
        confidence: the calibrated probability of `answer`, 0 to 1.
        problem: a sentence that says why there is no answer; empty if there is one.
    """

    run: str
    name: str
    mistakes: str
    answer: int = -1
    confidence: float = 0.0
    problem: str = ""


@dataclass(frozen=True, eq=False)
class EpochPredictions:
    """Answers of a run on one digit, after each kept epoch.

    Attributes:
        epochs: rising, then None for the finished network.
        probabilities: float32 (epochs, 10), NaN where the network gave no finite numbers.
    """

    epochs: tuple[int | None, ...]
    probabilities: NDArray[np.float32]

    def answer_periods(self) -> list[tuple[int, int | None]]:
        """The periods in which the answer stayed the same.

        Epochs without finite numbers are skipped.

        Returns:
            For each period, in order, the digit and the epoch from which on it was the answer.

        Example:
            >>> probabilities = np.eye(10, dtype=np.float32)[[7, 7, 9]]
            >>> EpochPredictions((1, 2, None), probabilities).answer_periods()
            [(7, 1), (9, None)]
        """
        answers = [
            (int(row.argmax()), epoch)
            for row, epoch in zip(self.probabilities, self.epochs, strict=True)
            if not np.isnan(row).any()
        ]
        by_digit = groupby(answers, key=lambda answer: answer[0])
        return [(digit, next(period)[1]) for digit, period in by_digit]


def other_runs(run: Run) -> tuple[list[Run], int]:
    """The other runs that have a network.

    Args:
        run: the run that is left out.

    Returns:
        At most `MAX_RUNS` runs, and how many more there are. Shipped runs come first, then the
        others, the newest first.
    """
    usable = [
        other
        for other in registry.list_runs()
        if isinstance(other, Run) and other.info.model_sha256 and other.id != run.id
    ]
    shipped = [other for other in usable if is_shipped(other)]
    trained_here = sorted(
        (other for other in usable if not is_shipped(other)),
        key=lambda other: other.info.created.timestamp(),
        reverse=True,
    )
    candidates = [*shipped, *trained_here]
    return candidates[:MAX_RUNS], max(0, len(candidates) - MAX_RUNS)


def calibrated_probabilities(
    network: Network,
) -> Predict:
    """Load a network whose answers are calibrated. Imports TensorFlow when it is called.

    Args:
        network: a run's network, finished or as it was after an epoch.

    Returns:
        A function from digits, uint8 (n, 28, 28), to calibrated probabilities, float32 (n, 10).
        The most probable digit is the network's own answer. The function raises RunError if the
        network's numbers are not finite.

    Raises:
        RunError: the network cannot be opened.
    """
    from core.inference.predictor import load_predictor

    temperature = run_temperature(network.run)
    predict = load_predictor(network).probabilities
    return lambda images: apply_temperature(predict(images), temperature)


def is_loaded(runs: Sequence[Run]) -> bool:
    """Whether all these runs' networks are open, so that `run_predictions` answers at once."""
    with _networks_lock:
        return all(Network(run) in _networks for run in runs)


def load_all(runs: Sequence[Run], report: Report) -> None:
    """Open these runs' networks, about half a second each. Imports TensorFlow.

    A network that cannot be opened is remembered as such.

    Args:
        runs: whose networks are opened.
        report: called with the number of open networks and of all; it stops the loading when it
            raises (`core.utils.background`).
    """
    report(0, len(runs))
    for done, run in enumerate(runs, start=1):
        _network(run)
        report(done, len(runs))


def run_predictions(runs: Sequence[Run], pixels: NDArray[np.uint8]) -> tuple[RunPrediction, ...]:
    """What each run answers on a digit. Opens networks that are not open yet.

    Args:
        runs: whose networks answer.
        pixels: the digit, uint8 (28, 28).

    Returns:
        One prediction per run, in the order of `runs`; a run that cannot answer has a `problem`.
    """
    return tuple(_run_prediction(run, pixels) for run in runs)


def epoch_predictions(run: Run, pixels: NDArray[np.uint8]) -> EpochPredictions:
    """What a run's network answers on a digit after each kept epoch, and finished.

    Imports TensorFlow when it is called. Epochs whose weights cannot be read are left out.

    Args:
        run: whose epochs answer.
        pixels: the digit, uint8 (28, 28).

    Raises:
        RunError: no epoch is left, or the weights are not of this network.
    """
    return _epoch_networks(Network(run), tuple(run.epochs())).predictions(pixels)


def stored_weights(run: Run) -> Iterator[tuple[int | None, list[NDArray[Any]]]]:
    """Read the weights of a run's network after each kept epoch, then of the finished network.

    Imports TensorFlow for the finished network. Epochs whose weights cannot be read are left out.

    Args:
        run: whose weights are read.

    Yields:
        The epoch, None for the finished network, and its weights in Keras's order; float16 after
        an epoch, float32 of the finished network.

    Raises:
        RunError: no weights can be read.
    """
    any_epoch = False
    for epoch in run.epochs():
        try:
            weights = run.epoch_weights(epoch)
        except RunError:
            continue
        any_epoch = True
        yield epoch, weights
    if run.info.model_sha256:
        from core.inference.predictor import load_predictor

        yield None, load_predictor(Network(run)).model.get_weights()
    elif not any_epoch:
        raise RunError(f"The run {run.id!r} keeps no weights that can be read. Choose another run.")


class _DigitNetwork:
    """A network, or those of an ensemble, that answers one digit."""

    def __init__(self, networks: "Sequence[ScaledModel]") -> None:
        self._members = [
            (network.probabilities_function(), network.scaling) for network in networks
        ]

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The ten probabilities, as `Predictor` gives them; they may be not finite."""
        answers = [
            member(np.asarray(scale(pixels[None], scaling), np.float32)).numpy()[0]
            for member, scaling in self._members
        ]
        return np.asarray(np.mean(answers, axis=0), np.float32)


class _EpochNetworks:
    """A run's network, filled with the weights of one epoch after the other."""

    def __init__(self, run: Run) -> None:
        self._weights = list(stored_weights(run))
        self._run = run
        from core.inference.predictor import ScaledModel
        from core.recipes.keras_model import build_model

        self._model = build_model(run.info.recipe.architecture)
        self._network = _DigitNetwork([ScaledModel(self._model, run.info.recipe.scaling)])
        self._lock = Lock()

    def predictions(self, pixels: NDArray[np.uint8]) -> EpochPredictions:
        with self._lock:
            probabilities = np.stack(
                [self._probabilities(weights, pixels) for _, weights in self._weights]
            )
        finite = np.isfinite(probabilities).all(axis=1)
        temperature = run_temperature(self._run)
        probabilities[finite] = apply_temperature(probabilities[finite], temperature)
        probabilities[~finite] = np.nan
        return EpochPredictions(tuple(epoch for epoch, _ in self._weights), probabilities)

    def _probabilities(
        self, weights: list[NDArray[Any]], pixels: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        try:
            self._model.set_weights([array.astype(np.float32) for array in weights])
        except ValueError as error:
            raise RunError(
                f"The weights of the epochs of the run {self._run.id!r} are not those of its "
                "recipe's network. Train the run again."
            ) from error
        return self._network.probabilities(pixels)


_networks: LRUCache[Network, _DigitNetwork | RunError] = LRUCache(_NETWORKS_KEPT)
_networks_lock = Lock()
_opening_lock = Lock()


def _network(run: Run) -> _DigitNetwork | RunError:
    """The network of a run, or why there is none; opened once for all visitors."""
    network_or_error = _loaded_network(run)
    if network_or_error is not None:
        return network_or_error
    from core.inference.predictor import scaled_models

    with _opening_lock:
        network_or_error = _loaded_network(run)
        if network_or_error is None:
            try:
                network_or_error = _DigitNetwork(scaled_models(Network(run)))
            except RunError as error:
                network_or_error = error
            with _networks_lock:
                _networks[Network(run)] = network_or_error
        return network_or_error


def _loaded_network(run: Run) -> _DigitNetwork | RunError | None:
    """A network that is open already; the cache then counts it as the last one used."""
    with _networks_lock:
        return _networks.get(Network(run))


def _run_prediction(run: Run, pixels: NDArray[np.uint8]) -> RunPrediction:
    headline = run.info.headline()
    mistakes = f"{headline[1].wrong:,} of {headline[1].n:,}" if headline else ""
    name = shown_name(run)
    network = _network(run)
    if isinstance(network, RunError):
        return RunPrediction(run.id, name, mistakes, problem=str(network))
    probabilities = network.probabilities(pixels)
    if not np.isfinite(probabilities).all():
        return RunPrediction(run.id, name, mistakes, problem=_DIVERGED)
    answer = int(probabilities.argmax())
    confidence = float(apply_temperature(probabilities[None], run_temperature(run))[0, answer])
    return RunPrediction(run.id, name, mistakes, answer, confidence)


@lru_cache(maxsize=_RUNS_KEPT)
def _epoch_networks(network: Network, _epochs: tuple[int, ...]) -> _EpochNetworks:
    """Cached by the kept epochs too, because a training that goes on adds epochs."""
    return _EpochNetworks(network.run)
