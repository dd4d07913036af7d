"""How many digits does each shipped run still read when an attack pushes their pixels?

Claim: `sturdy` reads at least 90 % of digits that are pushed by up to 0.1 of the gray scale.

How: the first 500 of MNIST's test digits are attacked by the code that the Filters page uses,
FGSM in one step and PGD in 40, each against the network that then reads them; a test compares both
attacks with the Adversarial Robustness Toolbox. PGD is also started from a random place (seed 0),
which must not find much more.

    python -m benchmarks.adversarial [--quick]      (quick: 100 digits, nothing written)

Writes `benchmarks/results/adversarial.json`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from benchmarks.common import parser, start, write_result
from core.data import mnist
from core.explain.activations import load_layer_model
from core.explain.adversarial import ATTACKS, PGD_STEPS, adversarial_accuracy, attacked, scaled
from core.recipes.presets import PRESETS
from core.runs import registry
from core.runs.run import Network

EPSILON: Final = 0.1
SEED: Final = 0


def main() -> None:
    """Attack every shipped run, print a table, write the result."""
    quick: bool = parser(__doc__).parse_args().quick
    count = 100 if quick else 500
    test = mnist.load("mnist").test.take(slice(count))
    figures: dict[str, dict[str, Any]] = {}
    for name in PRESETS:
        network = Network(registry.find_run(name))
        clean = adversarial_accuracy(network, test.images, test.labels, "fgsm", 0.0)
        row: dict[str, float] = {"clean": clean}
        for attack in ATTACKS:
            row[attack] = adversarial_accuracy(network, test.images, test.labels, attack, EPSILON)
        row["pgd_from_a_random_start"] = _from_a_random_start(network, test)
        figures[name] = {key: round(value, 4) for key, value in row.items()}
        print(name, figures[name], flush=True)
    write_result(
        "adversarial",
        figures,
        seed=SEED,
        quick=quick,
        digits=count,
        epsilon=EPSILON,
        steps=PGD_STEPS,
    )


def _from_a_random_start(network: Network, test: mnist.Split) -> float:
    """The accuracy under PGD that starts anywhere within epsilon of each digit."""
    chance = np.random.default_rng(SEED)
    opened = load_layer_model(network)
    right = 0
    for begin in range(0, len(test), 250):
        part = slice(begin, begin + 250)
        digits = test.images[part, ..., None].astype(np.float32) / np.float32(255)
        moved = attacked(opened, digits, test.labels[part], "pgd", EPSILON, chance=chance)
        pictures = opened.logits_after(scaled(opened, moved), None).numpy()
        right += int((pictures.argmax(axis=1) == test.labels[part]).sum())
    return right / len(test)


if __name__ == "__main__":
    start(main)
