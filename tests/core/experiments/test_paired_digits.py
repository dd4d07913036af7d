"""McNemar's test between two settings, seed by seed: judged by statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from core.experiments.experiment import Experiment, trial_runs
from core.experiments.paired_digits import compare_by_digit
from core.experiments.plan import combinations_of
from core.runs.run import StoredPredictions
from core.runs.writer import store_predictions
from tests.helpers.made_experiments import experiment, finish, small_plan

pytestmark = pytest.mark.usefixtures("run_folders")
LABELS = np.arange(1000) % 10


def answered(made: Experiment, number: int, wrong: slice) -> Experiment:
    """End a training that answered all digits rightly but those of a slice."""
    answers = LABELS.copy()
    answers[wrong] = (answers[wrong] + 1) % 10
    made = finish(made, number, len(LABELS[wrong]))
    probabilities = np.eye(10, dtype=np.float32)[answers]
    store_predictions(
        made.run_folder(number), {"mnist-sample": StoredPredictions(LABELS, probabilities)}
    )
    return made


def test_each_seed_is_compared_on_the_digits_that_only_one_reads() -> None:
    made = experiment(small_plan(seeds=2))
    for number, wrong in enumerate([slice(0, 30), slice(20, 32), slice(0, 20), slice(10, 20)]):
        made = answered(made, number, wrong)
    first, second = combinations_of(made.plan)
    rows = compare_by_digit(trial_runs(made), first, second, "mnist-sample")
    # Seed 0: digits 30 and 31 are right by the first only, 0 to 19 by the second only.
    counts = [(row.seed, row.only_first, row.only_second) for row in rows]
    assert counts == [(0, 2, 20), (1, 0, 10)]
    judged = [mcnemar([[0, left], [right, 0]]).pvalue for _, left, right in counts]
    assert rows[0].probability == pytest.approx(2 * min(judged))  # Holm, of two tests
    assert rows[1].probability == pytest.approx(max(judged))
    assert [row.more_than_chance for row in rows] == [True, True]


def test_only_seeds_of_which_both_kept_their_answers_are_compared() -> None:
    made = answered(experiment(small_plan(seeds=2)), 0, slice(0, 30))
    made = finish(made, 1)
    made = answered(made, 2, slice(0, 30))
    made = answered(made, 3, slice(0, 30))
    first, second = combinations_of(made.plan)
    rows = compare_by_digit(trial_runs(made), first, second, "mnist-sample")
    assert [(row.seed, row.only_first, row.probability) for row in rows] == [(1, 0, 1.0)]
