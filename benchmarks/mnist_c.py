"""How well does each shipped run read MNIST-C, the benchmark of fifteen corruptions?

Claim: `best`, whose recipe corrupts a twentieth of the digits, reads at least 95 % on average.

How: MNIST's 10,000 test digits under each corruption, remade from the paper (`core.data.mnist_c`),
read by each shipped run; the mean over the fifteen is the benchmark's figure. The paper reports
about 79 % for a network of two convolutions, which is the peer: `kundathil` has one.

    python -m benchmarks.mnist_c [--quick]      (quick: the sample's 1,000 digits, nothing written)

Writes `benchmarks/results/mnist_c.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean

from benchmarks.common import parser, start, write_result
from core.data import mnist
from core.data.mnist import Split
from core.data.mnist_c import MNIST_C, corrupt_mnist_c
from core.inference.predictor import load_predictor
from core.recipes.presets import PRESETS
from core.runs import registry
from core.runs.run import Network
from core.utils.validation import Predict


def main() -> None:
    """Let every shipped run read each corruption, print the means, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    test = mnist.load("mnist-sample" if quick else "mnist").test
    read = {
        name: load_predictor(Network(registry.find_run(name))).probabilities for name in PRESETS
    }
    figures = corrupted_accuracies(read, test)
    for name, row in figures.items():
        print(f"{name}: {100 * row['mean']:.2f} % on average")
    write_result("mnist_c", figures, quick=quick)


def corrupted_accuracies(
    networks: Mapping[str, Predict], test: Split
) -> dict[str, dict[str, float]]:
    """Each network's accuracy on each corruption of the test digits, and their mean."""
    figures: dict[str, dict[str, float]] = {name: {} for name in networks}
    for corruption in MNIST_C:
        images = corrupt_mnist_c(test.images, corruption.name)
        for name, probabilities in networks.items():
            right = probabilities(images).argmax(axis=1) == test.labels
            figures[name][corruption.name] = round(float(right.mean()), 4)
        print(corruption.name, {name: row[corruption.name] for name, row in figures.items()})
    for row in figures.values():
        row["mean"] = round(mean(row.values()), 5)
    return figures


if __name__ == "__main__":
    start(main)
