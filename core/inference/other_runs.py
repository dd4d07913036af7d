"""What other runs answer on one digit, and how the answer came about over the epochs of one run.

The networks are opened here, besides those that visitors draw with (`core.inference.predictor`
keeps 8): a visitor who asks all runs pushes out nobody's. They answer one digit at a time, without
the traced functions that make many digits quick. All answers are calibrated
(`core.inference.reader`), as those of the run in use are: `calibrated` gives its.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from core.data.normalization import scale
from core.inference.reader import apply_temperature, run_temperature
from core.runs import registry
from core.runs.permissions import is_shipped, shown_name
from core.runs.run import Network, Run
from core.utils.background import Report
from core.utils.errors import RunError

if TYPE_CHECKING:
    import keras

MAX_RUNS: Final = 12
"""So many other runs are asked: all that ship, then the newest of the others."""
_NETWORKS_KEPT: Final = 2 * MAX_RUNS
_RUNS_KEPT: Final = 4
"""Runs whose weights after every epoch are kept, as float16: at most 25 MB each, as a rule 4."""

_DIVERGED: Final = "It answers with numbers that are not finite: its training diverged."


@dataclass(frozen=True)
class RunPrediction:
    """What a run answers on a digit; or, in a sentence, the `problem` why it does not.

    `name`: what its visitor calls it, else its id. `mistakes`: on test digits, as "38 of 10,000".
    """

    run: str
    name: str
    mistakes: str
    answer: int = -1
    confidence: float = 0.0
    problem: str = ""


@dataclass(frozen=True, eq=False)
class EpochPredictions:
    """Answers to one digit after each kept epoch: rising, then None for the finished network.

    `probabilities`: float32 (epochs, 10), NaN where the network gave no numbers.
    """

    epochs: tuple[int | None, ...]
    probabilities: NDArray[np.float32]

    def spells(self) -> list[tuple[int, int | None]]:
        """Each answer as long as it lasted: (digit, the epoch from which on), in their order.

        Epochs without numbers are passed over.
        """
        read = [
            (int(row.argmax()), epoch)
            for row, epoch in zip(self.probabilities, self.epochs, strict=True)
            if not np.isnan(row).any()
        ]
        return [(digit, next(group)[1]) for digit, group in groupby(read, key=lambda one: one[0])]


def other_runs(asked: Run) -> tuple[list[Run], int]:
    """The runs besides one that have a network.

    Args:
        asked: the run that is left out.

    Returns:
        At most `MOST` runs, and how many more there are. Those that ship come first, then the
        others, the newest first.
    """
    usable = [
        run
        for run in registry.list_runs()
        if isinstance(run, Run) and run.info.model_sha256 and run.id != asked.id
    ]
    shipped = [run for run in usable if is_shipped(run)]
    own = sorted(
        (run for run in usable if not is_shipped(run)),
        key=lambda run: run.info.created.timestamp(),
        reverse=True,
    )
    found = [*shipped, *own]
    return found[:MAX_RUNS], max(0, len(found) - MAX_RUNS)


def calibrated_probabilities(
    network: Network,
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """A network whose answers are calibrated. Imports TensorFlow when it is called.

    Args:
        network: a run's, finished or as it was after an epoch.

    Returns:
        What turns digits, uint8 (n, 28, 28), into calibrated probabilities, float32 (n, 10), the
        highest of which is the network's own answer. It raises RunError if the network's numbers
        are not finite.

    Raises:
        RunError: the network cannot be opened.
    """
    from core.inference.predictor import load_predictor

    temperature = run_temperature(network.run)
    ask = load_predictor(network).probabilities
    return lambda images: apply_temperature(ask(images), temperature)


def is_loaded(asked: Sequence[Run]) -> bool:
    """Whether all these networks are at hand, so that `opinions` takes no longer than a moment."""
    with _keeping:
        return all(Network(run) in _ready for run in asked)


def load_all(asked: Sequence[Run], report: Report) -> None:
    """Open these networks, for `core.utils.background`: some half a second each.

    Imports TensorFlow.

    `report` is told how many of how many are open, and stops it when it raises. Those that cannot
    be opened are remembered as such.
    """
    report(0, len(asked))
    for place, run in enumerate(asked):
        _answerer(run)
        report(place + 1, len(asked))


def run_predictions(asked: Sequence[Run], pixels: NDArray[np.uint8]) -> tuple[RunPrediction, ...]:
    """What each run answers on a digit, uint8 (28, 28), in their order.

    A run that cannot answer has a `problem` and breaks nothing. Opens what is not open yet.
    """
    return tuple(_opinion(run, pixels) for run in asked)


def epoch_predictions(run: Run, pixels: NDArray[np.uint8]) -> EpochPredictions:
    """What a run's network answers on a digit, uint8 (28, 28), after each kept epoch and finished.

    Imports TensorFlow when it is called. Epochs whose weights cannot be read are left out. Raises
    RunError if none is left, or the weights are not of this network.
    """
    return _learner(Network(run), tuple(run.epochs())).answers(pixels)


class _Answerer:
    """A network that answers one digit."""

    def __init__(self, model: "keras.Model", run: Run) -> None:
        import keras

        self._model, self._scaling = model, run.info.recipe.scaling
        self._before_last = keras.Model(model.inputs, model.layers[-1].input)

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The ten probabilities, as `Predictor` gives them; maybe not finite."""
        import tensorflow as tf

        last = self._model.layers[-1]
        batch = tf.constant(np.asarray(scale(pixels[None], self._scaling), np.float32))
        before = self._before_last(batch, training=False)
        return np.asarray(tf.nn.softmax(before @ last.kernel + last.bias)[0].numpy(), np.float32)


class _Learner:
    """A run's network that is filled with the weights of one epoch after the other."""

    def __init__(self, run: Run) -> None:
        self._weights: list[tuple[int | None, list[NDArray[Any]]]] = []
        for epoch in run.epochs():
            try:
                self._weights.append((epoch, run.epoch_weights(epoch)))
            except RunError:
                continue
        if run.info.model_sha256:
            from core.inference.predictor import load_predictor

            self._weights.append((None, load_predictor(Network(run)).model.get_weights()))
        if not self._weights:
            raise RunError(
                f"The run {run.id!r} keeps no weights that can be read. Choose another run."
            )
        self._run = run
        from core.recipes.keras_model import build_model

        self._model = build_model(run.info.recipe.architecture)
        self._answerer = _Answerer(self._model, run)
        self._one_at_a_time = Lock()

    def answers(self, pixels: NDArray[np.uint8]) -> EpochPredictions:
        with self._one_at_a_time:
            found = np.stack([self._answer(one, pixels) for _, one in self._weights])
        there = np.isfinite(found).all(axis=1)
        found[there] = apply_temperature(found[there], run_temperature(self._run))
        found[~there] = np.nan
        return EpochPredictions(tuple(epoch for epoch, _ in self._weights), found)

    def _answer(
        self, weights: list[NDArray[Any]], pixels: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        try:
            self._model.set_weights([one.astype(np.float32) for one in weights])
        except ValueError as error:
            raise RunError(
                f"The weights of the epochs of the run {self._run.id!r} are not those of its "
                "recipe's network. Train the run again."
            ) from error
        return self._answerer.probabilities(pixels)


_ready: LRUCache[Network, _Answerer | RunError] = LRUCache(_NETWORKS_KEPT)
_keeping = Lock()
_opening = Lock()


def _answerer(run: Run) -> _Answerer | RunError:
    """The network, or why there is none; opened once for all visitors."""
    found = _at_hand(run)
    if found is not None:
        return found
    from core.inference.predictor import load_model

    with _opening:
        found = _at_hand(run)
        if found is None:
            try:
                found = _Answerer(load_model(run), run)
            except RunError as error:
                found = error
            with _keeping:
                _ready[Network(run)] = found
        return found


def _at_hand(run: Run) -> _Answerer | RunError | None:
    """A network that is open already; it counts as the one used last from now on."""
    with _keeping:
        return _ready.get(Network(run))


def _opinion(run: Run, pixels: NDArray[np.uint8]) -> RunPrediction:
    headline = run.info.headline()
    mistakes = f"{headline[1].wrong:,} of {headline[1].n:,}" if headline else ""
    name = shown_name(run)
    answerer = _answerer(run)
    if isinstance(answerer, RunError):
        return RunPrediction(run.id, name, mistakes, problem=str(answerer))
    found = answerer.probabilities(pixels)
    if not np.isfinite(found).all():
        return RunPrediction(run.id, name, mistakes, problem=_DIVERGED)
    answer = int(found.argmax())
    confidence = float(apply_temperature(found[None], run_temperature(run))[0, answer])
    return RunPrediction(run.id, name, mistakes, answer, confidence)


@lru_cache(maxsize=_RUNS_KEPT)
def _learner(network: Network, _epochs: tuple[int, ...]) -> _Learner:
    """Another one where epochs have come since: a training that goes on keeps more of them."""
    return _Learner(network.run)
