"""How much work a training step is, counted from the recipe alone: what `core.estimate` prices.

Each kind of work is counted in a unit of its own (multiply-adds, values, weights); what a unit
takes is measured on the machine at hand by `core.measure`.
"""

import math
from typing import Final, Literal, get_args

from core.architectures import (
    INPUT_SHAPE,
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    GlobalAverage,
    Layer,
    Pool,
    Shape,
)
from core.recipes import Optimizer, Recipe

Kind = Literal[
    "step",  # 1: starting a step, its loss and metrics
    "layer",  # layers: starting their operations
    "first",  # multiply-adds of a convolution of the picture itself, which has one channel
    "multiply",  # multiply-adds of any other convolution
    "dense",  # multiply-adds of dense layers
    "touched",  # values that convolutions, cheap activations and pools read or write
    "curved",  # values of an activation that is no piece of a line: sigmoid, tanh, elu, gelu
    "norm",  # values of batch normalisation
    "dropout",  # values of dropout, each of which takes a random number
    "weight",  # weights that a step of Adam changes
    "augmented",  # digits that are changed at random
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Work = dict[Kind, float]

# A vector register holds 16 numbers (AVX-512): convolutions work on as many channels at once, and
# the rest of the last block is wasted.
CHANNELS_AT_ONCE: Final = 16
# What an update reads and writes, in parts of what Adam does: weights, gradients, two moments.
_UPDATE: Final = {"adam": 1.0, "rmsprop": 0.75, "sgd": 0.5}
_ONE_ARRAY: Final = 0.25
_OF_VALUES: Final[dict[type, Kind]] = {BatchNorm: "norm", Dropout: "dropout"}


def step_work(recipe: Recipe) -> Work:
    """What one training step has to do: a batch forwards and backwards, then the update.

    A product of forwards comes twice more in backwards, for the gradients of the input and of the
    kernel; the picture itself needs no gradient.
    """
    work = digit_work(recipe)
    work = {kind: amount * recipe.batch_size for kind, amount in work.items()}
    work["step"] = 1
    work["layer"] = len(recipe.architecture.layers)
    work["weight"] = recipe.architecture.parameters * _update(recipe.optimizer)
    work["augmented"] = recipe.batch_size * recipe.augmentation.active
    return work


def digit_work(recipe: Recipe) -> Work:
    """What the network has to do for one digit in a training step, backwards included."""
    work: Work = dict.fromkeys(KINDS, 0.0)
    shape: Shape = INPUT_SHAPE
    learns = False  # a layer before has weights, and so wants a gradient
    for layer, row in zip(recipe.architecture.layers, recipe.architecture.rows(), strict=True):
        work = _sum(work, _layer_work(layer, shape, row.shape, learns))
        learns = learns or row.parameters > 0
        shape = row.shape
    return work


def _layer_work(layer: Layer, taken: Shape, given: Shape, learns: bool) -> Work:
    n_taken, n_given = math.prod(taken), math.prod(given)
    if isinstance(layer, Conv):
        touched: Work = {"touched": n_taken + math.prod(given[:-1]) * _blocks(layer.filters)}
        return _sum(_conv_work(layer, taken, given), touched, _activation(layer, n_given))
    if isinstance(layer, Dense):
        return _sum({"dense": (2 + learns) * n_taken * n_given}, _activation(layer, n_given))
    if isinstance(layer, Activation):
        return _activation(layer, n_given)
    if isinstance(layer, Pool | GlobalAverage):
        return {"touched": n_taken}
    return {_OF_VALUES[type(layer)]: n_given} if type(layer) in _OF_VALUES else {}


def _conv_work(layer: Conv, taken: Shape, given: Shape) -> Work:
    positions, taps = given[0] * given[1], layer.kernel_size**2
    if taken[-1] == 1:
        return {"first": 2.0 * positions * taps * _blocks(layer.filters)}
    return {"multiply": 3.0 * positions * taps * _blocks(taken[-1]) * _blocks(layer.filters)}


def _activation(layer: Conv | Dense | Activation, values: int) -> Work:
    if layer.activation in {"linear", "softmax"}:
        return {}
    return {"touched" if layer.activation == "relu" else "curved": values}


def _sum(*parts: Work) -> Work:
    total: Work = {}
    for part in parts:
        for kind, amount in part.items():
            total[kind] = total.get(kind, 0.0) + amount
    return total


def _blocks(channels: int) -> int:
    return math.ceil(channels / CHANNELS_AT_ONCE) * CHANNELS_AT_ONCE


def _update(optimizer: Optimizer) -> float:
    """What changing a weight costs, in parts of what plain Adam's change does."""
    more = (optimizer.momentum > 0) + (optimizer.weight_decay > 0)
    return _UPDATE[optimizer.kind] + _ONE_ARRAY * more
