"""Warnings about a stack of layers: what can be built, and learns worse than it could."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from core.architectures import Activation, BatchNorm, Conv, Dense, Dropout, Layer, Pool
from core.remedies import squashing_layers

MUCH_DROPOUT: Final = 0.6
MUCH_DROPOUT_AT_THE_END: Final = 0.5
"""A half is common before the output (Srivastava et al., 2014, used it for hidden layers)."""


@dataclass(frozen=True)
class Caution:
    """A sentence of why something will hurt.

    `about` is what to change: a field of the recipe as `core.glossary` names it
    (`optimizer.learning_rate`), `architecture`, or a layer, from 1, in the order of the network
    (`layer 3`). A `mild` one is good to know, but nothing is wrong.
    """

    about: str
    sentence: str
    mild: bool = False


def about_layers(layers: Sequence[Layer]) -> list[Caution]:
    """What is to be said of a network that passed the Architecture's own checks."""
    return [
        *_sigmoid_output(layers),
        *_linear(layers),
        *_squashing(layers),
        *_dropout(layers),
        *_needless_bias(layers),
    ]


def _sigmoid_output(layers: Sequence[Layer]) -> Iterator[Caution]:
    last = layers[-1]
    if isinstance(last, Dense) and last.activation == "sigmoid":
        yield Caution(
            f"layer {len(layers)}",
            "The last layer has ten sigmoids, each a yes or no by itself, but the cross-entropy "
            "loss is about one choice among ten digits. Keras trains it through a softmax all the "
            "same, so that the sigmoids' own values are not the probabilities that were trained, "
            "nor do they add up to 1. Give it the activation softmax.",
        )


def _linear(layers: Sequence[Layer]) -> Iterator[Caution]:
    """Layers with weights in a row, with nothing non-linear between them, are one such layer.

    Max pooling is non-linear; average pooling, batch norm and (when the network answers) dropout
    are not.
    """
    weighty = [number for number, layer in enumerate(layers, 1) if isinstance(layer, Conv | Dense)]
    if not any(map(_bends, layers[:-1])):
        yield Caution(
            "architecture",
            "Nothing in this network is non-linear: whatever its layers, it can do no more than a "
            "single dense layer, which reads some 92 % of MNIST. Give the layers before the last "
            "the activation relu."
            if len(weighty) > 1
            else "This network is a single linear layer, which reads some 92 % of MNIST. Put a "
            "convolution with the activation relu in front of it.",
        )
        return
    for first, second in pairwise(weighty):
        if not any(map(_bends, layers[first - 1 : second - 1])):
            yield Caution(
                f"layer {first}",
                f"Layers {first} and {second} ({layers[first - 1]}; {layers[second - 1]}) have "
                "nothing non-linear between them: together they can do no more than one. Give "
                f"layer {first} the activation relu, or put an activation layer after it.",
            )


def _bends(layer: Layer) -> bool:
    if isinstance(layer, Conv | Dense | Activation):
        return layer.activation != "linear"
    return isinstance(layer, Pool) and layer.mode == "max"


def _squashing(layers: Sequence[Layer]) -> Iterator[Caution]:
    for number, layer in squashing_layers(layers):
        if layer.activation == "softmax":
            why = "makes all values share a sum of 1, so that one can only grow where others fade"
        else:
            why = (
                "passes on a quarter of the gradient at most, so that layers before it learn little"
            )
        yield Caution(
            f"layer {number}",
            f"Layer {number} ({layer}) is a hidden layer, where {layer.activation} {why}. Give it "
            "the activation relu.",
        )


def _dropout(layers: Sequence[Layer]) -> Iterator[Caution]:
    for number, layer in enumerate(layers, 1):
        if not isinstance(layer, Dropout):
            continue
        at_the_end = number == len(layers) - 1
        if layer.rate > MUCH_DROPOUT or (at_the_end and layer.rate > MUCH_DROPOUT_AT_THE_END):
            where = "the last layer" if at_the_end else "the next layer"
            yield Caution(
                f"layer {number}",
                f"Layer {number} ({layer}) hides {100 * layer.rate:.0f} % of the values from "
                f"{where} at every step: it learns slowly, and from guesswork. Try 0.2 to 0.5.",
            )


def _needless_bias(layers: Sequence[Layer]) -> Iterator[Caution]:
    needless = [
        number
        for number, (layer, after) in enumerate(pairwise(layers), 1)
        if isinstance(layer, Conv)
        and layer.use_bias
        and layer.activation == "linear"
        and isinstance(after, BatchNorm)
    ]
    if needless:
        one = len(needless) == 1
        named = " and ".join(filter(None, [", ".join(map(str, needless[:-1])), str(needless[-1])]))
        yield Caution(
            f"layer {needless[0]}",
            f"The bias of layer{'' if one else 's'} {named} does nothing: the batch normalisation "
            "right after it takes the mean away, and adds a number of its own.",
            mild=True,
        )
