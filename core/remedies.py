"""What to try next, in a sentence: only what the recipe does not do already."""

from collections.abc import Iterator, Sequence
from typing import Final

from core import rates
from core.architectures import Activation, BatchNorm, Conv, Dense, Dropout, Layer
from core.recipes import Recipe

SQUASHING: Final = frozenset({"sigmoid", "softmax"})
"""Activations that hardly pass a gradient on: for outputs, not for hidden layers."""


def has(recipe: Recipe, kind: type[object]) -> bool:
    """Whether the network has such a layer; a dropout of nothing is none."""
    return any(
        isinstance(layer, kind) and not (isinstance(layer, Dropout) and layer.rate == 0)
        for layer in recipe.architecture.layers
    )


def squashing_layers(layers: Sequence[Layer]) -> Iterator[tuple[int, Conv | Dense | Activation]]:
    """Number, from 1, and layer of each hidden one with a sigmoid or a softmax."""
    for number, layer in enumerate(layers[:-1], 1):
        if isinstance(layer, Conv | Dense | Activation) and layer.activation in SQUASHING:
            yield number, layer


def _rate_of(recipe: Recipe, factor: float) -> str:
    """The recipe's learning rate times a factor, rounded to one digit, to be read."""
    wanted = float(f"{recipe.optimizer.learning_rate * factor:.1g}")
    return f"{min(max(wanted, 1e-6), 1.0):g}"  # within the field's own bounds


def against_memorising(recipe: Recipe) -> str:
    """More varied digits, a handicap while training, more digits, a smaller network: in turn."""
    dropout = has(recipe, Dropout)
    if not dropout and not recipe.augmentation.active:
        return "Try dropout before the last layer, or augmentation."
    if not recipe.augmentation.active:
        return "It has dropout already: try augmentation, so that no digit is seen twice the same."
    if not dropout:
        return "The digits are augmented already: try dropout before the last layer."
    if recipe.dataset == "mnist-sample":
        return "It has dropout and augmentation already: train on the full MNIST, 15 times as much."
    if not recipe.keep_best:
        return "It has dropout and augmentation already: let it keep the best epoch."
    return "It has dropout and augmentation already: try fewer filters or units."


def against_jumps(recipe: Recipe, *, running: bool) -> str:
    """A learning rate that is lower, or that falls."""
    lower = _rate_of(recipe, 1 / 3)
    if running:
        return f"Lower the learning rate, to {lower} say."
    if recipe.schedule.kind == "constant":
        return "Try the one-cycle schedule: its learning rate falls almost to zero at the end."
    return f"Try a lower learning rate, {lower} say."


def against_standstill(recipe: Recipe, *, running: bool) -> str:
    """A rate that falls, else more of a network."""
    if recipe.schedule.kind == "constant":
        if running:
            return f"Lower the learning rate, to {_rate_of(recipe, 0.1)} say: finer steps may help."
        return "Try the one-cycle schedule: its learning rate falls, and finer steps go further."
    if running:
        return "Let it end: the learning rate is still coming down."
    if not has(recipe, BatchNorm):
        return "Try batch normalisation after the convolutions."
    return "Try more filters, or one convolution more."


def against_divergence(recipe: Recipe) -> str:
    """A smaller learning rate: one that can be trusted, or a tenth of one that looked right."""
    rate = recipe.optimizer.learning_rate
    good = rates.good_rate(recipe.optimizer)
    wanted = f"{good:g}" if good < rate else _rate_of(recipe, 0.1)
    return f"Train it again with a lower learning rate, {wanted} say, instead of {rate:g}."


def against_guessing(recipe: Recipe, *, falls: bool) -> str:
    """Why nothing is learnt; `falls`: the loss does go down, if only a little."""
    rate, good = recipe.optimizer.learning_rate, f"{rates.good_rate(recipe.optimizer):g}"
    judged = rates.judge(recipe, rates.digits_fitted(recipe))
    if judged in {"too large", "risky"}:
        return f"The learning rate {rate:g} is too high: its first steps went too far. Try {good}."
    if judged == "too small":
        return f"The learning rate {rate:g} is too low to get anywhere in time. Try {good}."
    for number, layer in squashing_layers(recipe.architecture.layers):
        return f"Layer {number} ({layer}) hardly passes a gradient on: give it the activation relu."
    if falls:
        return f"The loss does fall, but slowly: try a higher learning rate, {_rate_of(recipe, 3)}."
    return f"Try a lower learning rate, {_rate_of(recipe, 0.1)} say, or batch normalisation."
