# bench: heavy
"""What does an ensemble reach whose members were trained by different recipes?

Claim: the average of their answers is right for at least 99.83 % of MNIST's test digits, with at
most 15 MB on disk and 15 ms for a digit.

Why: five seeds of `best` err on mostly the same digits (`benchmarks.best_seeds`: 30 wrong together,
31.2 on average). Networks of other kernels and other augmentation should differ more. Kernels of 3,
5 and 7 in one ensemble are the idea of An et al. 2020 (arXiv 2008.10400), whose networks are too
slow for two cores without a graphics card.

How: each candidate in `CANDIDATES` was fixed before it was tested (the second after the first was),
and is listed in the result whatever it reached. Their members are seeds of `best`, whose answers
`benchmarks.best_seeds` keeps; the shipped `sturdy`; `best` with three times the corrupted
digits and twice the dropout; and two networks of larger kernels that learn from clean digits,
without pens and corruptions. A training is a run folder under `runs/.best/`: it can be killed at
any moment and goes on at its last checkpoint. The answers of a member are kept, so that an ensemble
can be scored again without training.

Size and time for a digit are those of a real ensemble of the candidate's members, which needs the
runs of `benchmarks.best_seeds` in the same folder; without them these two figures stay empty.

    python -m benchmarks.mixed_ensembles [--train MEMBER] [--quick]   (quick: nothing written)

Writes `benchmarks/results/mixed_ensembles.json` and `benchmarks/results/mixed_ensembles.npz`.
"""

from __future__ import annotations

import os
from typing import Any, Final

import numpy as np

from benchmarks.common import RESULTS, parser, start, write_result

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks import best_seeds
from benchmarks._kept_trainings import is_finished, trained
from core.data import mnist
from core.recipes.architecture import Architecture, Dense, Dropout, GlobalAverage, Layer, Pool
from core.recipes.presets import BEST, conv_bn_relu
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.ensembles import average
from core.runs.predictions import score_predictions
from core.runs.run import StoredPredictions

FOLDER: Final = best_seeds.FOLDER
ANSWERS: Final = RESULTS / "mixed_ensembles.npz"
CLEAN: Final = BEST.recipe.augmentation.model_copy(update={"pens": 0.0, "corruptions": 0.0})
"""The augmentation of `best` without pens and corruptions."""
CANDIDATES: Final[dict[str, tuple[str, ...]]] = {
    "other recipes": ("best-0", "best-1", "best-2", "more-corruptions", "sturdy"),
    "kernels of 3, 5 and 7": ("best-0", "best-1", "best-2", "kernel-5", "kernel-7"),
}


def of_kernel(*layers: Layer, epochs: int) -> Recipe:
    """The recipe of `best` with other layers, without pens and corruptions."""
    architecture = Architecture(
        layers=(*layers, GlobalAverage(), Dropout(rate=0.1), Dense(units=10, activation="softmax"))
    )
    return BEST.recipe.changed(architecture=architecture, augmentation=CLEAN, epochs=epochs)


def more_corruptions() -> Recipe:
    """`best` as it was tried first: three times the corrupted digits, twice the dropout."""
    layers = tuple(
        Dropout(rate=2 * layer.rate) if isinstance(layer, Dropout) else layer
        for layer in BEST.recipe.architecture.layers
    )
    augmentation = BEST.recipe.augmentation.model_copy(update={"corruptions": 0.15})
    return BEST.recipe.changed(architecture=Architecture(layers=layers), augmentation=augmentation)


RECIPES: Final[dict[str, Recipe]] = {
    "more-corruptions": more_corruptions(),
    "kernel-5": of_kernel(
        *conv_bn_relu(32, "valid", 5) * 2,
        Pool(),
        *conv_bn_relu(64, "valid", 5),
        *conv_bn_relu(128, "same", 5),
        epochs=10,
    ),
    "kernel-7": of_kernel(
        *conv_bn_relu(24, "valid", 7),
        Pool(),
        *conv_bn_relu(64, "valid", 7),
        *conv_bn_relu(128, "same", 7),
        epochs=10,
    ),
}


def main() -> None:
    """Train the members that are missing, score every candidate, write what they reach."""
    made = parser(__doc__)
    made.add_argument("--train", choices=RECIPES, help="train this member only, and score nothing")
    asked = made.parse_args()
    if asked.train:
        trained(RECIPES[asked.train], FOLDER / asked.train, asked.train)
        return
    answers = member_answers()
    labels = mnist.load("mnist").test.labels
    figures = {name: measured(members, answers, labels) for name, members in CANDIDATES.items()}
    alone = {
        name: {"wrong_of_10000": wrong_digits([stored], labels)} for name, stored in answers.items()
    }
    if not asked.quick:
        np.savez_compressed(ANSWERS, **{name: answers[name] for name in (*RECIPES, "sturdy")})
    write_result("mixed_ensembles", figures, quick=asked.quick, members=alone)


def member_answers() -> dict[str, Any]:
    """The answers of every member to the test digits, float16 (10000, 10)."""
    answers = {f"best-{seed}": stored for seed, stored in best_seeds.kept_answers().items()}
    if ANSWERS.exists():
        with np.load(ANSWERS) as kept:
            return answers | dict(kept)
    runs = {name: trained(recipe, FOLDER / name, name) for name, recipe in RECIPES.items()}
    for name, run in (runs | {"sturdy": registry.find_run("sturdy")}).items():
        stored = run.predictions("mnist")
        assert stored is not None  # a finished training has answered the test digits at hand
        answers[name] = stored.probabilities.astype(np.float16)
    return answers


def wrong_digits(answers: list[Any], labels: Any) -> int:
    """How many test digits the average of the answers is wrong for."""
    stored = [StoredPredictions(labels, each.astype(np.float32)) for each in answers]
    return score_predictions(average(stored), held_out=True).wrong


def measured(members: tuple[str, ...], answers: dict[str, Any], labels: Any) -> dict[str, Any]:
    """The mistakes of an ensemble; its size and its time for a digit if its runs are at hand."""
    wrong = wrong_digits([answers[name] for name in members], labels)
    figures: dict[str, Any] = {
        "members": list(members),
        "wrong_of_10000": wrong,
        "accuracy": round(1 - wrong / len(labels), 4),
    }
    if all(name == "sturdy" or is_finished(FOLDER / name) for name in members):
        runs = [
            registry.find_run(name) if name == "sturdy" else registry.read_run(FOLDER / name)
            for name in members
        ]
        figures |= best_seeds.size_and_time(runs)
    return figures


if __name__ == "__main__":
    start(main)
