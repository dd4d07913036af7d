"""A fine-tuned run while it is trained and afterwards: what it begins with, sees, and became.

How one is asked for, and why it sees what it sees, stands in `core.fine_tuning`. In its folder lie
the network that it begins with and the visitor's own digits, so it needs neither its parent nor the
visitor any more. Nothing here needs TensorFlow until a network is handed in.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core import datasets, own_digits
from core.datasets import DatasetName, Split
from core.errors import RunError
from core.evaluation import score
from core.run_info import Metrics, OwnPart, RunInfo
from core.run_writer import RunWriter
from core.runs import Predictions, Run

START: Final = "start.keras"
"""The file in the run's folder with the network that it begins with."""

Read = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def mixture(run: Run) -> Split:
    """What each epoch of a fine-tuning shows: digits of the dataset, then the own ones, repeated.

    Those of the dataset are every so many-th of it. The own ones differ each time they come,
    because the recipe changes every digit at random. Raises RunError if the own digits are lost,
    DatasetError if the dataset cannot be loaded.
    """
    recipe, tuned = run.info.recipe, run.info.provenance.fine_tuned
    if tuned is None:
        raise ValueError(f"the run {run.id!r} is not fine-tuned")
    own = own_digits.load(run).trained_on
    known = datasets.training_split(recipe.dataset, exclude_sample_test=recipe.exclude_sample_test)
    evenly = np.linspace(0, len(known) - 1, tuned.rehearsed).round().astype(np.intp)
    again = np.resize(np.arange(len(own)), tuned.own_per_epoch)
    return Split(
        np.concatenate([known.images[evenly], own.images[again]]),
        np.concatenate([known.labels[evenly], own.labels[again]]),
    )


def begin(model: Any, run: Run) -> None:
    """Give a network, a `keras.Model`, the weights that the fine-tuning begins with.

    As everywhere, only weights are read from the file, after its SHA-256 was compared. Raises
    RunError if it is not the parent's network.
    """
    tuned = run.info.provenance.fine_tuned
    file = run.folder / START
    from core.keras_model import build_model

    bare = build_model(run.info.recipe.architecture)
    lost = RunError(
        f"The network that the run {run.id!r} was to begin with is missing or damaged. "
        "Fine-tune again."
    )
    try:
        known = hashlib.sha256(file.read_bytes()).hexdigest()
        if tuned is None or known != tuned.parent_sha256:
            raise lost
        bare.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        raise lost from error
    model.set_weights(bare.get_weights())


def note_own(writer: RunWriter, read: Read, when: str) -> None:
    """Keep in `run.json` how a network does on the own digits; nothing if it is not fine-tuned.

    `when`: "own_before" or "own_after". A network that diverged is not noted.
    """
    if writer.info.provenance.fine_tuned is None:
        return
    own = own_digits.load(Run(writer.folder, writer.info))
    parts: dict[OwnPart, Split] = {"trained on": own.trained_on, "held out": own.kept_back}
    try:
        found = {part: _score(read, digits, part) for part, digits in parts.items() if len(digits)}
    except RunError:
        found = {}
    writer.update(**{when: found})


def _score(read: Read, digits: Split, part: OwnPart) -> Metrics:
    answers = Predictions(digits.labels, read(digits.images))
    return score(answers, held_out=part == "held out")


@dataclass(frozen=True)
class BeforeAndAfter:
    """How the parent and the fine-tuned run did on the same digits; `after`: None if not yet."""

    digits: str
    before: Metrics
    after: Metrics | None


_TEST_DIGITS: Final[dict[DatasetName, str]] = {
    "mnist": "MNIST's test digits",
    "mnist-sample": "the sample's test digits",
}


def before_and_after(info: RunInfo) -> tuple[BeforeAndAfter, ...]:
    """Old and new digits, before and after; empty if the run is not fine-tuned."""
    tuned = info.provenance.fine_tuned
    if tuned is None:
        return ()
    known = tuned.parent_metrics
    rows = [
        BeforeAndAfter(words, known[name], info.metrics.get(name))
        for name, words in _TEST_DIGITS.items()
        if name in known
    ]
    rows += [
        BeforeAndAfter(f"your digits, {part}", before, info.own_after.get(part))
        for part, before in info.own_before.items()
    ]
    return tuple(rows)
