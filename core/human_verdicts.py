"""What people said of test labels that looked doubtful: the published votes on MNIST's test set.

C. G. Northcutt, A. Athalye and J. Mueller, "Pervasive Label Errors in Test Sets Destabilize Machine
Learning Benchmarks" (NeurIPS 2021, arXiv:2103.14749), had 100 of its labels judged by five people
each, who saw the digit, its label and another digit that a network had suggested. A label counts as
a validated error if no majority confirmed it: there are 15. `data/mnist_test_votes.json` says whose
the votes are and under which licence.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from core.digit_stats import SplitName

VOTES_PAPER: Final = "https://arxiv.org/abs/2103.14749"
VOTES_SOURCE: Final = "https://github.com/cleanlab/label-errors"
PEOPLE: Final = 5
_MAJORITY: Final = 3
_VOTES = Path(__file__).parent / "data" / "mnist_test_votes.json"


@dataclass(frozen=True)
class HumanVerdict:
    """How five people judged the label of one MNIST test digit.

    `label` and `suggested` are the two digits that they could confirm, `suggested` None where both
    were the same; the votes sum up to five.
    """

    index: int
    label: int
    suggested: int | None
    for_label: int
    for_suggested: int
    for_neither: int

    @property
    def confirms_label(self) -> bool:
        """Whether a majority confirmed the label; if not, it is a validated label error."""
        return self.for_label >= _MAJORITY

    @property
    def words(self) -> str:
        """The verdict in a few words, with the votes."""
        if self.confirms_label:
            return f"{self.for_label} of {PEOPLE} confirm the label {self.label}"
        if self.for_suggested >= _MAJORITY:
            return f"{self.for_suggested} of {PEOPLE} read {self.suggested}"
        if self.for_neither >= _MAJORITY:
            return f"{self.for_neither} of {PEOPLE} read neither {self.label} nor {self.suggested}"
        return (
            f"no majority: {self.for_label} read {self.label}, {self.for_suggested} read "
            f"{self.suggested}, {self.for_neither} neither"
        )


def human_verdicts(dataset: str, split: SplitName) -> Mapping[int, HumanVerdict]:
    """The verdicts on digits of a split, by index; empty but for MNIST's test set.

    Nobody was asked about the sample: its digits are MNIST training digits.
    """
    return _mnist_test() if (dataset, split) == ("mnist", "test") else MappingProxyType({})


@lru_cache(maxsize=1)
def _mnist_test() -> Mapping[int, HumanVerdict]:
    rows = json.loads(_VOTES.read_text(encoding="utf-8"))["rows"]
    return MappingProxyType({row[0]: HumanVerdict(*row) for row in rows})
