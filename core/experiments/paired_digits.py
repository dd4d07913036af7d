"""Two settings compared digit by digit: McNemar's test for each seed that both were trained with.

The means over seeds say whether a setting is better on average. This says, of two networks that
began with the same seed, whether one reads more of the same test digits than the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.data.mnist import DatasetName
from core.evaluation.comparison import CONFIDENCE_LEVEL, mcnemar_p_value
from core.experiments.experiment import TrialRun
from core.experiments.plan import Combination
from core.experiments.significance import holm
from core.runs.run import StoredPredictions


@dataclass(frozen=True)
class SeedComparison:
    """Two networks of one seed on the same test digits.

    Attributes:
        seed: their seed.
        only_first: digits that only the first setting's network reads rightly.
        only_second: digits that only the second setting's network reads rightly.
        probability: McNemar's exact p-value, corrected for the number of seeds by Holm's method.
    """

    seed: int
    only_first: int
    only_second: int
    probability: float

    @property
    def more_than_chance(self) -> bool:
        """Whether the difference is significant at 5 %."""
        return self.probability < CONFIDENCE_LEVEL


def compare_by_digit(
    runs: Sequence[TrialRun], first: Combination, second: Combination, dataset: DatasetName
) -> list[SeedComparison]:
    """Compare two combinations seed by seed, on the digits that both answered.

    Args:
        runs: all trainings of an experiment.
        first: the first combination.
        second: the second one.
        dataset: whose test digits.

    Returns:
        One for each seed of which both runs are finished and have kept their answers, in order.
    """
    before, after = (_answers(runs, each, dataset) for each in (first, second))
    counts: list[tuple[int, int, int]] = []
    for seed in sorted(before.keys() & after.keys()):
        rights = [
            answers.probabilities.argmax(axis=1) == answers.labels
            for answers in (before[seed], after[seed])
        ]
        if len(rights[0]) == len(rights[1]):
            only = [int((mine & ~other).sum()) for mine, other in (rights, rights[::-1])]
            counts.append((seed, only[0], only[1]))
    probabilities = holm([mcnemar_p_value(mine, other) for _, mine, other in counts])
    return [
        SeedComparison(*count, probability)
        for count, probability in zip(counts, probabilities, strict=True)
    ]


def _answers(
    runs: Sequence[TrialRun], combination: Combination, dataset: DatasetName
) -> dict[int, StoredPredictions]:
    """The stored answers of a combination's finished runs, by seed."""
    answers: dict[int, StoredPredictions] = {}
    for trial_run in runs:
        if trial_run.result and trial_run.trial.combination.number == combination.number:
            stored = trial_run.result.predictions(dataset)
            if stored is not None:
                answers[trial_run.trial.seed] = stored
    return answers
