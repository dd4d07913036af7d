"""Which learning rates can learn, and which cannot: judged by what was measured.

`benchmarks/learning_rates.py` trained three networks for two epochs on the sample's 4,000 digits
(250 steps) at rates half a decade apart: a small one, the same with batch norm, and a large one
(607,394 parameters) without. In the table stands the largest rate that came within 5 points of the
row's best accuracy, then the smallest high one that was left guessing (below 20 % right):

| optimizer              | schedule  | small       | batch norm  | large        |
| ---------------------- | --------- | ----------- | ----------- | ------------ |
| Adam                   | constant  | 0.03, 0.1   | 0.03, 0.1   | 0.01, 0.03   |
|                        | one-cycle | 0.1, 0.3    | 0.1, 1      | 0.1, 0.3     |
| RMSprop                | constant  | 0.01, 0.1   | 0.03, 0.3   | 0.03, 0.1    |
|                        | one-cycle | 0.1, 0.3    | 0.1, 0.3    | 0.03, 0.3    |
| RMSprop, momentum 0.9  | constant  | 0.003, 0.03 | 0.003, 0.03 | 0.003, 0.03  |
|                        | one-cycle | 0.01, 0.1   | 0.01, 0.1   | 0.01, 0.1    |
| SGD                    | constant  | 0.3, 1      | 0.3, 1      | 0.3, 1       |
|                        | one-cycle | 0.3, 1      | 1, none     | 0.3, 1       |
| SGD, momentum 0.9      | constant  | 0.03, 0.3   | 0.03, 0.3   | 0.1, 0.3     |
|                        | one-cycle | 0.1, 0.3    | 0.1, 1      | 0.1, 1       |

Low rates were left guessing too: Adam and RMSprop at 1e-5, SGD at 0.001 (without batch norm).
Momentum m repeats each push 1 / (1 - m) times in all, so that what counts is rate / (1 - m), the
`pace`: by it, the rows with momentum come close to those without.
"""

import math
from typing import Final, Literal

from core.architectures import BatchNorm
from core.datasets import MNIST_TRAIN, SAMPLE_TEST, SAMPLE_TRAIN
from core.recipes import Optimizer, Recipe

Judgement = Literal["fits", "too large", "risky", "too small"]

TOO_LARGE: Final = {
    ("adam", "constant"): 0.1,
    ("adam", "one-cycle"): 0.25,
    ("rmsprop", "constant"): 0.1,
    ("rmsprop", "one-cycle"): 0.25,
    ("sgd", "constant"): 1.0,
    ("sgd", "one-cycle"): 2.0,
}
"""From this pace on, every network was left guessing or ended below what a lower rate reached.

One-cycle bears more: it reaches its peak after a warm-up, and leaves it again.
"""
RISKY: Final = {("adam", "constant"): 0.03, ("sgd", "one-cycle"): 1.0}
"""At this learning rate networks without batch norm were left guessing, the large one always."""
TOO_SMALL: Final = {"adam": 0.01, "rmsprop": 0.01, "sgd": 0.5}
"""Pace times steps. Below it, no network read half of its digits, and most were left guessing."""
MEAN_OF_CYCLE: Final = 0.5
"""What one-cycle's learning rate is on average, as a part of its peak."""
GOOD: Final = {"adam": 0.001, "rmsprop": 0.001, "sgd": 0.1}
"""A pace that learns in every row of the table."""


def pace(optimizer: Optimizer) -> float:
    """The learning rate with what momentum adds to it."""
    if optimizer.kind == "adam":
        return optimizer.learning_rate
    return optimizer.learning_rate / (1 - optimizer.momentum)


def good_rate(optimizer: Optimizer) -> float:
    """A learning rate that can be trusted with this optimizer, its momentum taken into account."""
    return float(f"{GOOD[optimizer.kind] * optimizer.learning_rate / pace(optimizer):.1g}")


def judge(recipe: Recipe, n_train: int) -> Judgement:
    """What is to be expected of a recipe's learning rate when it fits `n_train` digits."""
    optimizer, schedule = recipe.optimizer, recipe.schedule.kind
    moves, way = pace(optimizer), (optimizer.kind, schedule)
    steadied = any(isinstance(layer, BatchNorm) for layer in recipe.architecture.layers)
    if moves >= TOO_LARGE[way]:
        return "too large"
    if optimizer.learning_rate >= RISKY.get(way, math.inf) and not steadied:
        return "risky"
    mean = moves * (MEAN_OF_CYCLE if schedule == "one-cycle" else 1.0)
    covered = mean * recipe.epochs * steps(recipe, n_train)
    return "too small" if covered < TOO_SMALL[optimizer.kind] else "fits"


def steps(recipe: Recipe, n_train: int) -> int:
    """Batches of one epoch; the last may be smaller."""
    return math.ceil(n_train / recipe.batch_size)


def digits_fitted(recipe: Recipe) -> int:
    """How many digits a recipe fits, known without loading them: `n_train` of the run."""
    return math.floor(training_digits(recipe) * (1 - recipe.validation_split))


def training_digits(recipe: Recipe) -> int:
    """The same before digits are set aside for validation."""
    if recipe.dataset == "mnist-sample":
        return SAMPLE_TRAIN
    # The sample's test digits are MNIST training digits.
    return MNIST_TRAIN - SAMPLE_TEST * recipe.exclude_sample_test
