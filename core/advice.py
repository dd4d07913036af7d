"""Warnings that teach: what in a recipe will hurt, and why, before it is trained.

What cannot be trained at all is refused by the recipe itself; all that is said here can be tried.
`core.layer_advice` looks at the network, this module at how it is trained.
"""

import math
from collections.abc import Iterator
from typing import Final

from core import rates
from core.architectures import BatchNorm, Dropout
from core.layer_advice import Caution, about_layers
from core.recipes import Recipe
from core.remedies import has

PARAMETERS_PER_DIGIT: Final = 20
"""The tutorials' largest network has 10 a digit on the full MNIST, and still reads 98.6 %."""
FEW_STEPS: Final = 50
NORM_STEPS: Final = 200
"""Batch norm's running averages keep 0.99 of themselves a step: after 200, 13 % of the start."""
FAR_TURN: Final = 30
"""Degrees. Between one digit turned left and one turned right lie 60."""
DIGIT_HALF, PICTURE_HALF = 10, 14
"""MNIST's digits fill 20 of the 28 pixels."""
MAY_BE_CUT: Final = 2
"""Pixels at an edge: seldom is a digit at its largest and farthest at once."""


def warnings(recipe: Recipe, n_train: int) -> list[Caution]:
    """What will hurt a training, the gravest first; `n_train`: the digits it fits (not validates).

    An empty list if there is nothing to say.
    """
    found = [
        *about_layers(recipe.architecture.layers),
        *_learning_rate(recipe, n_train),
        *_steps(recipe, n_train),
        *_parameters(recipe, n_train),
        *_augmentation(recipe),
        *_validation(recipe),
        *_early_stopping(recipe),
    ]
    return sorted(found, key=lambda caution: caution.mild)


def _learning_rate(recipe: Recipe, n_train: int) -> Iterator[Caution]:
    judged = rates.judge(recipe, n_train)
    if judged == "fits":
        return
    optimizer = recipe.optimizer
    momentum = optimizer.kind != "adam" and optimizer.momentum
    name = {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD"}[optimizer.kind]
    rate = f"A learning rate of {optimizer.learning_rate:g} with {name}" + (
        f" and a momentum of {optimizer.momentum:g}" if momentum else ""
    )
    better = f"{rates.good_rate(optimizer):g} is a good start."
    sentence = {
        "too large": "will make the training diverge, or end below what a lower one reaches: each "
        "step overshoots what it aims at.",
        "risky": "is likely to make it diverge: this network has no batch normalisation to steady "
        "it.",
        "too small": "is so low that little will be learnt in these epochs: the weights hardly "
        "leave where they start.",
    }[judged]
    yield Caution("optimizer.learning_rate", f"{rate} {sentence} {better}")


def _steps(recipe: Recipe, n_train: int) -> Iterator[Caution]:
    size, steps = recipe.batch_size, recipe.epochs * rates.steps(recipe, n_train)
    if size > n_train:
        yield Caution(
            "batch_size",
            f"A batch of {size} is more than all {n_train:,} digits: there is one step in an "
            "epoch. Take smaller batches.",
        )
    elif steps < FEW_STEPS:
        yield Caution(
            "batch_size",
            f"The weights move only {steps} times in the whole training: take smaller batches, or "
            "more epochs.",
        )
    elif steps < NORM_STEPS and has(recipe, BatchNorm):
        yield Caution(
            "batch_size",
            "Good to know: batch normalisation answers by averages that it gathers over some "
            f"{NORM_STEPS} steps, and this training has {steps}. If the validation looks worse "
            f"than the training, that may be why; {_enough_epochs(recipe, n_train)} epochs, or "
            "smaller batches, give it time.",
            mild=True,
        )


def _enough_epochs(recipe: Recipe, n_train: int) -> int:
    """The epochs in which there are the steps that batch norm needs."""
    return math.ceil(NORM_STEPS / rates.steps(recipe, n_train))


def _parameters(recipe: Recipe, n_train: int) -> Iterator[Caution]:
    parameters = recipe.architecture.parameters
    each = parameters / max(n_train, 1)
    if each <= PARAMETERS_PER_DIGIT:
        return
    sentence = f"{parameters:,} parameters for {n_train:,} digits: {each:.0f} a digit. "
    helped = recipe.augmentation.active or has(recipe, Dropout)
    if helped:
        sentence += "Dropout or augmentation keeps them in check: watch the validation loss."
    else:
        sentence += (
            "So many can learn the digits by heart instead of how they are written: use fewer "
            "units or filters, more digits, dropout or augmentation."
        )
    yield Caution("architecture", sentence, mild=helped)


def _augmentation(recipe: Recipe) -> Iterator[Caution]:
    changes = recipe.augmentation
    for name, degrees, done in (
        ("rotation", changes.rotation, "Turned"),
        ("shear", changes.shear, "Slanted"),
    ):
        if degrees > FAR_TURN:
            yield Caution(
                f"augmentation.{name}",
                f"{done} by up to {degrees:g}°, digits become such as nobody writes, and some look "
                f"like others, as 1 and 7 do: stay below {FAR_TURN}°.",
            )
    shift = max(changes.width_shift, changes.height_shift)
    reach = DIGIT_HALF / (1 - changes.zoom) + 2 * PICTURE_HALF * shift
    cut = reach - PICTURE_HALF
    if cut > MAY_BE_CUT:
        which = "zoom" if changes.zoom > shift else "shift"
        field = "zoom"
        if which == "shift":
            field = "width_shift" if changes.width_shift == shift else "height_shift"
        yield Caution(
            f"augmentation.{field}",
            f"Such shifts and zooms push up to {cut:.0f} pixels of a digit over the edge of the "
            "picture: what is left may be another digit. Take smaller ones.",
        )


def _validation(recipe: Recipe) -> Iterator[Caution]:
    if recipe.validate_on_test:
        chosen = "the epoch is" if recipe.keep_best or recipe.early_stopping else "settings are"
        yield Caution(
            "validate_on_test",
            f"Where {chosen} chosen by the test digits, the test score comes out better than it "
            "would on new digits. Validate on a part of the training digits instead.",
            mild=not (recipe.keep_best or recipe.early_stopping),
        )
    elif not recipe.validates:
        yield Caution(
            "validation_split",
            "Without validation digits nothing will show whether the network memorises: set a "
            "tenth aside.",
            mild=True,
        )


def _early_stopping(recipe: Recipe) -> Iterator[Caution]:
    patience = recipe.early_stopping
    if patience and patience >= recipe.epochs:
        yield Caution(
            "early_stopping",
            f"Early stopping waits for {patience} epochs without progress, and there are only "
            f"{recipe.epochs}: it will never end anything.",
            mild=True,
        )
    elif patience and recipe.schedule.kind == "one-cycle":
        yield Caution(
            "early_stopping",
            "Early stopping may end the training while one-cycle's learning rate is still high, "
            "before the fine steps that gain most. Keep the best epoch instead.",
            mild=True,
        )
