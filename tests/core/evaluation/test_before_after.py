"""What averaging and pseudo-labels changed: counts by hand, McNemar's test by SciPy."""

import numpy as np
import pytest
from scipy.stats import binomtest

from core.evaluation.before_after import compare_with_members, compare_with_parent, source_of
from core.jobs import submission
from core.runs import registry
from core.runs.run import StoredPredictions
from tests.helpers import run_list
from tests.helpers.run_list import MINE, MODELS, Copy

copy = run_list.copy


def answers(labels: list[int], predicted: list[int]) -> StoredPredictions:
    return StoredPredictions(np.array(labels), np.eye(10, dtype=np.float32)[predicted])


def test_one_pair_is_counted_and_tested() -> None:
    labels = [1] * 20
    before = answers(labels, [1] * 8 + [2] * 12)  # 12 wrong
    after = answers(labels, [2] + [1] * 17 + [2] * 2)  # 3 wrong: 10 mended, 1 broken
    source = source_of("first", before, after, held_out=True)
    assert (source.metrics.wrong, source.difference.only_first) == (12, 1)
    assert source.difference.only_second == 10
    assert source.difference.probability == pytest.approx(binomtest(1, 11).pvalue)
    assert source.verdict == "better, more than chance"


@pytest.mark.parametrize(
    ("predicted", "tests", "verdict"),
    [
        ([1] * 20, 1, "as many wrong"),
        ([1] * 14 + [2] * 6, 1, "worse, more than chance"),  # p = 2 / 2**6 = 0.031
        ([1] * 14 + [2] * 6, 2, "worse, perhaps by chance"),  # held to 0.025
        ([1] * 19 + [2], 1, "worse, perhaps by chance"),
    ],
)
def test_several_tests_together_are_held_to_less(
    predicted: list[int], tests: int, verdict: str
) -> None:
    labels = [1] * 20
    source = source_of(
        "x", answers(labels, labels), answers(labels, predicted), held_out=True, tests=tests
    )
    assert source.verdict == verdict


def test_an_ensemble_is_compared_with_each_member(copy: Copy) -> None:
    names = ("soorya", "purawr", "fast")
    members = [registry.read_run(copy(name, name)) for name in names]
    comparisons = compare_with_members(submission.make_ensemble(members, token=MINE))
    assert [each.dataset for each in comparisons] == ["mnist", "mnist-sample"]
    loaded = [np.load(MODELS / name / "test_predictions.npz") for name in names]
    labels = loaded[0]["mnist-sample_labels"]
    probabilities = [each["mnist-sample_probabilities"] for each in loaded]
    right = np.mean(probabilities, axis=0).argmax(axis=1) == labels
    sample = comparisons[1]
    assert sample.metrics.wrong == (~right).sum()
    for member, given in zip(sample.members, probabilities, strict=True):
        alone = given.argmax(axis=1) == labels
        only = int((alone & ~right).sum()), int((right & ~alone).sum())
        assert (member.difference.only_first, member.difference.only_second) == only
        assert member.difference.probability == pytest.approx(binomtest(only[0], sum(only)).pvalue)
        assert member.difference.level == pytest.approx(0.05 / 3)
    votes = np.stack([given.argmax(axis=1) for given in probabilities])
    agree = (votes == votes[0]).all(axis=0)
    assert (sample.unanimous, sample.unanimous_wrong) == (
        agree.sum(),
        (agree & (votes[0] != labels)).sum(),
    )
    mean = sum(int((given.argmax(1) != labels).sum()) for given in probabilities) / 3
    assert f"{mean:.1f} wrong on average, the ensemble {(~right).sum()}" in sample.sentence()


def test_other_runs_have_nothing_to_be_compared_with() -> None:
    assert compare_with_members(registry.find_run("fast")) == []
    assert compare_with_parent(registry.find_run("fast")) == []
