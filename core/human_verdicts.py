"""What people read in MNIST test digits whose labels looked doubtful: published label issues.

C. G. Northcutt, A. Athalye and J. Mueller, "Pervasive Label Errors in Test Sets Destabilize Machine
Learning Benchmarks" (NeurIPS 2021, arXiv:2103.14749), had 100 of its labels judged by five people
each, who saw the digit, its label and another digit that a network had suggested. A label is a
label issue if no majority confirmed it: there are 15.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from core.digit_stats import SplitName

LABEL_ISSUES_PAPER: Final = "https://arxiv.org/abs/2103.14749"
_FILE: Final = Path(__file__).parent / "data" / "mnist_test_label_issues.json"


@dataclass(frozen=True)
class HumanLabel:
    """What a majority of five people read in one MNIST test digit.

    `given_label` is the dataset's label, `majority_label` the digit that at least three of the five
    confirmed, None if no digit has so many.
    """

    index: int
    given_label: int
    majority_label: int | None

    @property
    def is_label_issue(self) -> bool:
        """Whether no majority confirmed the given label."""
        return self.majority_label != self.given_label

    @property
    def words(self) -> str:
        """What people read, in a few words."""
        if self.majority_label is None:
            return f"no majority for {self.given_label} or any other"
        if self.is_label_issue:
            return f"most read {self.majority_label}"
        return f"most confirm the label {self.given_label}"


def human_labels(dataset: str, split: SplitName) -> Mapping[int, HumanLabel]:
    """What people read in digits of a split, where they were asked.

    Args:
        dataset: The dataset's name.
        split: One of its splits.

    Returns:
        By the index of the digit; empty but for MNIST's test set. Nobody was asked about the
        sample: its digits are MNIST training digits.
    """
    return _mnist_test() if (dataset, split) == ("mnist", "test") else MappingProxyType({})


@lru_cache(maxsize=1)
def _mnist_test() -> Mapping[int, HumanLabel]:
    rows = json.loads(_FILE.read_text(encoding="utf-8"))["rows"]
    return MappingProxyType({row[0]: HumanLabel(*row) for row in rows})
