"""What averaging or further training changed: a run against those that it was made of.

An ensemble is compared with each of its members, a run that went on from another one's network with
that run, on the test digits that both have answered, by McNemar's exact test (`comparison`).
"""

from dataclasses import dataclass

import numpy as np

from core.data.mnist import DATASETS, TEST_DIGITS, DatasetName
from core.evaluation.comparison import AccuracyDifference, accuracy_differences
from core.runs.predictions import score_predictions
from core.runs.registry import find_run, read_members
from core.runs.run import Metrics, Run, StoredPredictions
from core.utils.errors import RunError
from core.utils.text import p_value


@dataclass(frozen=True)
class Source:
    """A run that another one was made of, and how the two differ on the same digits.

    Attributes:
        name: of the run.
        metrics: its result.
        difference: McNemar's test; the first of its two runs is this one.
    """

    name: str
    metrics: Metrics
    difference: AccuracyDifference

    @property
    def verdict(self) -> str:
        """The result of the test, in a few words.

        It says which of the two reads more digits rightly, and whether that is more than chance.
        """
        test = self.difference
        if test.only_first == test.only_second:
            return "as many wrong"
        better = "better" if test.only_second > test.only_first else "worse"
        return f"{better}, {'more than chance' if test.more_than_chance else 'perhaps by chance'}"


@dataclass(frozen=True)
class EnsembleComparison:
    """An ensemble and its members on the same test digits.

    Attributes:
        dataset: whose test digits.
        metrics: the ensemble's result.
        members: each member, in the order of the ensemble.
        unanimous: number of digits on which all members give the same answer.
        unanimous_wrong: number of these on which all are wrong.
    """

    dataset: DatasetName
    metrics: Metrics
    members: tuple[Source, ...]
    unanimous: int
    unanimous_wrong: int

    def sentence(self) -> str:
        """Describe the gain over the members' mean, and what their agreement is worth."""
        mean = sum(member.metrics.wrong for member in self.members) / len(self.members)
        disputed = self.metrics.n - self.unanimous
        return (
            f"On {TEST_DIGITS[self.dataset]} the members have {mean:.1f} wrong on average, the "
            f"ensemble {self.metrics.wrong:,}. All members agree on {self.unanimous:,} of "
            f"{self.metrics.n:,} digits, and {self.unanimous_wrong:,} of these are wrong; of the "
            f"{disputed:,} others, the ensemble has {self.metrics.wrong - self.unanimous_wrong:,} "
            "wrong."
        )

    def lines(self) -> list[str]:
        """Describe the comparison as lines of text."""
        rows = [f"{self.dataset}: {self.metrics}"]
        rows += [
            f"  {member.name}: {member.metrics}; the ensemble is {member.verdict} "
            f"(p = {p_value(member.difference.probability)})"
            for member in self.members
        ]
        return [*rows, self.sentence()]


def compare_with_members(run: Run) -> list[EnsembleComparison]:
    """Compare an ensemble with its members, on the test digits of each dataset.

    Each test is held to the level divided by the number of members (Bonferroni).

    Raises:
        RunError: a member's copy cannot be read.
    """
    members = read_members(run)
    comparisons = []
    for dataset in DATASETS:
        own = run.predictions(dataset)
        answers = [member.predictions(dataset) for member in members]
        stored = [each for each in answers if each is not None]
        if own is None or not members or len(stored) < len(members):
            continue
        held_out = run.info.provenance.held_out(dataset)
        predicted = np.stack([each.probabilities.argmax(axis=1) for each in stored])
        agree = (predicted == predicted[0]).all(axis=0)
        comparisons.append(
            EnsembleComparison(
                dataset,
                score_predictions(own, held_out=held_out),
                tuple(
                    source_of(member.id, each, own, held_out=held_out, tests=len(members))
                    for member, each in zip(members, stored, strict=True)
                ),
                int(agree.sum()),
                int((agree & (predicted[0] != own.labels)).sum()),
            )
        )
    return comparisons


@dataclass(frozen=True)
class ParentComparison:
    """A run that learned from pseudo-labels, and the run that it began with.

    Attributes:
        dataset: whose test digits.
        before: the result of the run that it began with.
        after: its own; `held_out` is False if it has seen these very digits without labels.
        parent: the paired comparison; None if the other run is gone or was trained on since.
    """

    dataset: DatasetName
    before: Metrics
    after: Metrics
    parent: Source | None

    def sentence(self) -> str:
        """Describe the change, and how far chance could explain it."""
        words = (
            f"On {TEST_DIGITS[self.dataset]}: {self.before} before the pseudo-labels, {self.after} "
            "after."
        )
        if self.parent is None:
            return words
        return f"{words} {self.parent.difference.sentence((self.parent.name, 'the new run'))}"


def compare_with_parent(run: Run) -> list[ParentComparison]:
    """Compare a run that learned from pseudo-labels with the one that it began with.

    Returns:
        A comparison for the test digits of each dataset that both were tested on; empty for other
        runs and before the test.
    """
    pseudo = run.info.provenance.pseudo_labeled
    if pseudo is None:
        return []
    parent = _unchanged_parent(pseudo.parent, pseudo.parent_sha256)
    comparisons = []
    for dataset in DATASETS:
        before, after = pseudo.parent_metrics.get(dataset), run.info.metrics.get(dataset)
        if before is None or after is None:
            continue
        source = None
        answers = parent.predictions(dataset) if parent else None
        own = run.predictions(dataset)
        if answers and own and np.array_equal(answers.labels, own.labels):
            source = source_of(pseudo.parent, answers, own, held_out=after.held_out)
        comparisons.append(ParentComparison(dataset, before, after, source))
    return comparisons


def _unchanged_parent(run_id: str, model_sha256: str) -> Run | None:
    try:
        parent = find_run(run_id)
    except RunError:
        return None
    return parent if parent.info.model_sha256 == model_sha256 else None


def source_of(
    name: str,
    before: StoredPredictions,
    after: StoredPredictions,
    *,
    held_out: bool,
    tests: int = 1,
) -> Source:
    """Compare what a run answered with what another one answers that was made of it.

    Args:
        name: of the run that came before.
        before: its answers.
        after: those of the run that was made of it, to the same digits.
        held_out: whether neither was trained on any of these digits.
        tests: how many such tests are made together.
    """
    (difference,) = accuracy_differences([before, after])
    return Source(
        name,
        score_predictions(before, held_out=held_out),
        difference.corrected(tests),
    )
