"""The answers of a run on digits that were not at hand when it was trained."""

from typing import Final

import numpy as np

from core.answered import Answered
from core.chores import Report
from core.digit_stats import split_of
from core.runs import Run

_AT_ONCE: Final = 512


def answer_now(run: Run, dataset: str, report: Report) -> Answered:
    """Let the finished network of a run read a dataset's test digits, if none of it was kept.

    Imports TensorFlow when it is called. `report` is told how many of how many are read, and stops
    it when it raises. Raises RunError if the network cannot be opened or answers with numbers that
    are not finite, DatasetError if the dataset cannot be loaded.
    """
    from core.inference import load_predictor

    digits, network = split_of(dataset, "test"), load_predictor(run.id)
    parts = []
    for start in range(0, len(digits), _AT_ONCE):
        report(start, len(digits))
        parts.append(network.probabilities(digits.images[start : start + _AT_ONCE]))
    held_out = run.info.provenance.held_out(dataset)
    found = np.concatenate(parts)
    found.setflags(write=False)
    return Answered(run.id, None, dataset, digits.images, digits.labels, found, held_out)
