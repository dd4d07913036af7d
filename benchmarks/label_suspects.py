"""How many of MNIST's validated label errors do the label suspects hold?

Claim: the first 50 suspects of the dataset page hold most of the 15 labels of MNIST's test set that
a majority of people did not confirm (Northcutt, Athalye and Mueller 2021, arXiv:2103.14749).

How: the test digits are ranked by the stored answers of the shipped runs, none of which learned
from them, and the 15 among the first 50 are counted. By chance it would be 50 × 15 / 10,000 = 0.08.
The study had 100 labels judged, those that a network of its own doubted; of the others nobody
knows.

Peers, in the same run: each run alone instead of the mean of all; the geometric mean; the label's
own probability (the paper's self-confidence) instead of the normalized margin; and how many digits
stand off the diagonal of the confident joint: so many label issues the paper would count.

    python -m benchmarks.label_suspects [--quick]      (quick: the same, nothing written)

Writes `benchmarks/results/label_suspects.json`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import parser, start, write_result
from core.data import mnist
from core.evaluation.examples import (
    NO_CLASS,
    confident_classes,
    find_label_issues,
    human_labels,
    label_margins,
)
from core.runs import registry
from core.runs.run import Run

FIRST = 50
SMALLEST = 1e-7


def shipped_answers() -> dict[str, NDArray[np.float64]]:
    """The stored probabilities of every shipped run on MNIST's test digits, (10000, 10) each."""
    stored = {
        run.id: run.predictions("mnist") for run in registry.list_shipped() if isinstance(run, Run)
    }
    return {
        name: predictions.probabilities.astype(np.float64)
        for name, predictions in stored.items()
        if predictions
    }


def compare(
    labels: NDArray[Any], probabilities: NDArray[np.float64], validated: set[int]
) -> dict[str, int]:
    """How many of the validated errors two rankings begin with, and what the joint counts."""
    own = probabilities[np.arange(len(labels)), labels]
    classes = confident_classes(labels, probabilities)
    off_diagonal = np.flatnonzero((classes != NO_CLASS) & (classes != labels))
    return {
        "misread": int((probabilities.argmax(axis=1) != labels).sum()),
        "first_50_by_margin": _held(label_margins(labels, probabilities), validated),
        "first_50_by_self_confidence": _held(own, validated),
        "off_diagonal": len(off_diagonal),
        "validated_off_diagonal": len(validated & set(off_diagonal.tolist())),
    }


def _held(values: NDArray[np.float64], validated: set[int]) -> int:
    return len(validated & set(np.argsort(values, kind="stable")[:FIRST].tolist()))


def main() -> None:
    """Rank, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    labels = mnist.load("mnist").test.labels.astype(np.intp)
    people = human_labels("mnist", "test")
    validated = {index for index, human in people.items() if human.is_label_issue}
    listed = [issue.index for issue in find_label_issues("mnist")]
    first = set(listed[:FIRST])
    answers = shipped_answers()
    together = np.array(list(answers.values()))
    product = np.exp(np.log(np.clip(together, SMALLEST, 1)).mean(axis=0))
    ways = {
        "mean of all": together.mean(axis=0),
        "geometric mean of all": product / product.sum(axis=1, keepdims=True),
        **answers,
    }
    figures: dict[str, Any] = {
        "suspects": len(listed),
        "validated": len(validated),
        "validated_in_first_50": len(validated & first),
        "confirmed_in_first_50": len((set(people) - validated) & first),
        "not_asked_in_first_50": len(first - set(people)),
        "by_chance": round(FIRST * len(validated) / len(labels), 3),
        "places_of_validated": {
            str(index): listed.index(index) + 1 if index in listed else None
            for index in sorted(validated)
        },
        "ways": {
            name: compare(labels, probabilities, validated) for name, probabilities in ways.items()
        },
    }
    print(f"{figures['suspects']} suspects; of the {FIRST} that are shown first")
    print(f"    {figures['validated_in_first_50']} of the {len(validated)} validated label errors")
    print(f"    {figures['confirmed_in_first_50']} whose label people confirmed")
    print(f"    {figures['not_asked_in_first_50']} that people were not asked about")
    print(f"{'validated errors in the first 50 by':37}margin  self-confidence  off the diagonal")
    for name, row in figures["ways"].items():
        print(
            f"    {name:33}{row['first_50_by_margin']:6}{row['first_50_by_self_confidence']:17}"
            f"{row['validated_off_diagonal']:8} of {row['off_diagonal']}"
        )
    write_result("label_suspects", figures, packages=("numpy",), quick=quick)


if __name__ == "__main__":
    start(main)
