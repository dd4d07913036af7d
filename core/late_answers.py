"""The answers of a run on digits that were not at hand when it was trained."""

from core.answered import Answered
from core.arrays import read_only
from core.chores import Report
from core.digit_stats import split_of
from core.runs import Network, Run


def answer_now(run: Run, dataset: str, report: Report) -> Answered:
    """Let the finished network of a run read a dataset's test digits, if none of it was kept.

    Imports TensorFlow when it is called. `report` is told how many of how many are read, and stops
    it when it raises. Raises RunError if the network cannot be opened or answers with numbers that
    are not finite, DatasetError if the dataset cannot be loaded.
    """
    from core.inference import load_predictor

    digits, predictor = split_of(dataset, "test"), load_predictor(Network(run))
    report(0, len(digits))
    found = predictor.probabilities(digits.images, lambda read: report(read, len(digits)))
    held_out = run.info.provenance.held_out(dataset)
    return Answered(Network(run), dataset, digits.images, digits.labels, read_only(found), held_out)
