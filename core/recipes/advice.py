"""Advice on recipes: warnings before the training, learning rates, and what to try next.

What cannot be trained at all is refused by the recipe itself; everything that is warned of here can
be tried. `recipe_warnings` looks at the layers and at how they are trained. The functions
`against_...` give one sentence on what to change after a training went wrong, and propose only what
the recipe does not do already.

Learning rates are judged by measurements: `benchmarks/learning_rates.py` trained three networks for
two epochs on the sample's 4,000 digits (250 steps) at rates half a decade apart: a small one, the
same with batch norm, and a large one (607,394 parameters) without. The table lists the largest rate
that came within 5 points of the row's best accuracy, then the smallest high one that was left
guessing (below 20 % right):

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
Momentum m repeats each push 1 / (1 - m) times in all, so that what counts is the effective learning
rate, rate / (1 - m): by it, the rows with momentum come close to those without.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from core.data.mnist import MNIST_TRAIN, SAMPLE_TEST, SAMPLE_TRAIN
from core.recipes.architecture import Activation, BatchNorm, Conv, Dense, Dropout, Layer, Pool
from core.recipes.recipe import Optimizer, Recipe

RateJudgment = Literal["fits", "too large", "risky", "too small"]
_TOO_LARGE: Final = {
    ("adam", "constant"): 0.1,
    ("adam", "one-cycle"): 0.25,
    ("rmsprop", "constant"): 0.1,
    ("rmsprop", "one-cycle"): 0.25,
    ("sgd", "constant"): 1.0,
    ("sgd", "one-cycle"): 2.0,
}
"""From this effective rate on, every network was left guessing or ended below a lower rate.

One-cycle bears more: it reaches its peak after a warm-up, and leaves it again.
"""
_RISKY: Final = {("adam", "constant"): 0.03, ("sgd", "one-cycle"): 1.0}
"""At this learning rate networks without batch norm were left guessing, the large one always."""
_TOO_SMALL: Final = {"adam": 0.01, "rmsprop": 0.01, "sgd": 0.5}
"""Effective rate times steps. Below it, no network read half of its digits; most only guessed."""
_MEAN_OF_CYCLE: Final = 0.5
"""What one-cycle's learning rate is on average, as a part of its peak."""
GOOD: Final = {"adam": 0.001, "rmsprop": 0.001, "sgd": 0.1}
"""An effective rate that learns in every row of the table."""


def effective_learning_rate(optimizer: Optimizer) -> float:
    """Compute the learning rate with what momentum adds to it.

    Example:
        >>> round(
        ...     effective_learning_rate(Optimizer(kind="sgd", learning_rate=0.01, momentum=0.9)), 6
        ... )
        0.1
    """
    if optimizer.kind == "adam":
        return optimizer.learning_rate
    return optimizer.learning_rate / (1 - optimizer.momentum)


def recommended_learning_rate(optimizer: Optimizer) -> float:
    """Find a learning rate that can be trusted with an optimizer and its momentum.

    Example:
        >>> recommended_learning_rate(Optimizer(kind="sgd", momentum=0.9))
        0.01
    """
    return float(
        f"{GOOD[optimizer.kind] * optimizer.learning_rate / effective_learning_rate(optimizer):.1g}"
    )


def judge_learning_rate(recipe: Recipe, n_train: int) -> RateJudgment:
    """Judge the learning rate of a recipe.

    Args:
        recipe: The recipe; its optimizer, schedule, epochs and batch size matter.
        n_train: The digits that it is fitted to.
    """
    optimizer, schedule = recipe.optimizer, recipe.schedule.kind
    effective, row = effective_learning_rate(optimizer), (optimizer.kind, schedule)
    normalized = any(isinstance(layer, BatchNorm) for layer in recipe.architecture.layers)
    if effective >= _TOO_LARGE[row]:
        return "too large"
    if optimizer.learning_rate >= _RISKY.get(row, math.inf) and not normalized:
        return "risky"
    mean = effective * (_MEAN_OF_CYCLE if schedule == "one-cycle" else 1.0)
    total = mean * recipe.epochs * recipe.steps_per_epoch(n_train)
    return "too small" if total < _TOO_SMALL[optimizer.kind] else "fits"


def training_digit_count(recipe: Recipe) -> int:
    """Count the digits that a recipe is fitted to, without loading them: `n_train` of the run.

    Example:
        >>> from core.recipes.presets import PRESETS
        >>> training_digit_count(PRESETS["fast"].recipe)
        56050
    """
    return math.floor(training_split_size(recipe) * (1 - recipe.validation_split))


def training_split_size(recipe: Recipe) -> int:
    """Count a recipe's training digits before some are set aside for validation."""
    return min(recipe.train_size or MNIST_TRAIN, _available_digit_count(recipe))


def withheld_digit_count(recipe: Recipe) -> int:
    """Count the training digits that a recipe leaves out because of its `train_size`."""
    return _available_digit_count(recipe) - training_split_size(recipe)


def _available_digit_count(recipe: Recipe) -> int:
    if recipe.dataset == "mnist-sample":
        return SAMPLE_TRAIN
    # The sample's test digits are MNIST training digits.
    return MNIST_TRAIN - SAMPLE_TEST * recipe.exclude_sample_test


_SQUASHING: Final = frozenset({"sigmoid", "softmax"})
"""Activations that hardly pass a gradient on: for outputs, not for hidden layers."""


def has_layer(recipe: Recipe, kind: type[object]) -> bool:
    """Whether the network has a layer of that class; a dropout of rate 0 does not count."""
    return any(
        isinstance(layer, kind) and not (isinstance(layer, Dropout) and layer.rate == 0)
        for layer in recipe.architecture.layers
    )


def saturating_layers(layers: Sequence[Layer]) -> Iterator[tuple[int, Conv | Dense | Activation]]:
    """Find the hidden layers with a sigmoid or softmax, as pairs of number, from 1, and layer."""
    for number, layer in enumerate(layers[:-1], 1):
        if isinstance(layer, Conv | Dense | Activation) and layer.activation in _SQUASHING:
            yield number, layer


def _rate_times(recipe: Recipe, factor: float) -> str:
    """Format the recipe's learning rate times a factor, rounded to one digit."""
    scaled = float(f"{recipe.optimizer.learning_rate * factor:.1g}")
    return f"{min(max(scaled, 1e-6), 1.0):g}"  # within the field's own bounds


def against_overfitting(recipe: Recipe) -> str:
    """Say what to try against overfitting.

    In turn: dropout or augmentation, more digits, the best epoch, a smaller network.
    """
    dropout = has_layer(recipe, Dropout)
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


def against_loss_spikes(recipe: Recipe, *, running: bool) -> str:
    """Say what to try against a loss that jumps: a learning rate that is lower, or that falls.

    Args:
        recipe: The recipe that is trained.
        running: Whether the training still runs, so that only its learning rate can change.
    """
    lower = _rate_times(recipe, 1 / 3)
    if running:
        return f"Lower the learning rate, to {lower} say."
    if recipe.schedule.kind == "constant":
        return "Try the one-cycle schedule: its learning rate falls almost to zero at the end."
    return f"Try a lower learning rate, {lower} say."


def against_underfitting(recipe: Recipe, *, running: bool) -> str:
    """Say what to try when the loss stalls: a learning rate that falls, else a larger network.

    Args:
        recipe: The recipe that is trained.
        running: Whether the training still runs, so that only its learning rate can change.
    """
    if recipe.schedule.kind == "constant":
        if running:
            return (
                f"Lower the learning rate, to {_rate_times(recipe, 0.1)} say: finer steps may help."
            )
        return "Try the one-cycle schedule: its learning rate falls, and finer steps go further."
    if running:
        return "Let it end: the learning rate is still coming down."
    if not has_layer(recipe, BatchNorm):
        return "Try batch normalization after the convolutions."
    return "Try more filters, or one convolution more."


def against_divergence(recipe: Recipe) -> str:
    """Say which lower learning rate to try: one that can be trusted, or a tenth of a fair one."""
    rate = recipe.optimizer.learning_rate
    good = recommended_learning_rate(recipe.optimizer)
    lower = f"{good:g}" if good < rate else _rate_times(recipe, 0.1)
    return f"Train it again with a lower learning rate, {lower} say, instead of {rate:g}."


def against_guessing(recipe: Recipe, *, falls: bool) -> str:
    """Say why nothing is learned, and what to try.

    Args:
        recipe: The recipe that is trained.
        falls: Whether the loss goes down, if only a little.
    """
    rate, good = recipe.optimizer.learning_rate, f"{recommended_learning_rate(recipe.optimizer):g}"
    judgment = judge_learning_rate(recipe, training_digit_count(recipe))
    if judgment in {"too large", "risky"}:
        return f"The learning rate {rate:g} is too high: its first steps went too far. Try {good}."
    if judgment == "too small":
        return f"The learning rate {rate:g} is too low to get anywhere in time. Try {good}."
    for number, layer in saturating_layers(recipe.architecture.layers):
        return f"Layer {number} ({layer}) hardly passes a gradient on: give it the activation relu."
    if falls:
        return (
            f"The loss does fall, but slowly: try a higher learning rate, {_rate_times(recipe, 3)}."
        )
    return f"Try a lower learning rate, {_rate_times(recipe, 0.1)} say, or batch normalization."


_MUCH_DROPOUT: Final = 0.6
_MUCH_DROPOUT_AT_THE_END: Final = 0.5
"""A half is common before the output (Srivastava et al., 2014, used it for hidden layers)."""


@dataclass(frozen=True)
class Caution:
    """A warning: why something in a recipe will hurt.

    Attributes:
        about: What to change: a field of the recipe as `core.recipes.descriptions` names it
            (`optimizer.learning_rate`), `architecture`, or a layer, counted from 1 (`layer 3`).
        sentence: The warning.
        mild: Whether it is only good to know, and nothing is wrong.
    """

    about: str
    sentence: str
    mild: bool = False


def layer_warnings(layers: Sequence[Layer]) -> list[Caution]:
    """Warn of layers that can be built, but learn worse than they could.

    Args:
        layers: The layers of a valid Architecture.
    """
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
    """Warn of successive layers with weights that have nothing non-linear between them.

    Max pooling is non-linear; average pooling, batch norm and (at inference) dropout are not.
    """
    weighted = [number for number, layer in enumerate(layers, 1) if isinstance(layer, Conv | Dense)]
    if not any(map(_is_nonlinear, layers[:-1])):
        yield Caution(
            "architecture",
            "Nothing in this network is non-linear: whatever its layers, it can do no more than a "
            "single dense layer, which reads some 92 % of MNIST. Give the layers before the last "
            "the activation relu."
            if len(weighted) > 1
            else "This network is a single linear layer, which reads some 92 % of MNIST. Put a "
            "convolution with the activation relu in front of it.",
        )
        return
    for first, second in pairwise(weighted):
        if not any(map(_is_nonlinear, layers[first - 1 : second - 1])):
            yield Caution(
                f"layer {first}",
                f"Layers {first} and {second} ({layers[first - 1]}; {layers[second - 1]}) have "
                "nothing non-linear between them: together they can do no more than one. Give "
                f"layer {first} the activation relu, or put an activation layer after it.",
            )


def _is_nonlinear(layer: Layer) -> bool:
    if isinstance(layer, Conv | Dense | Activation):
        return layer.activation != "linear"
    return isinstance(layer, Pool) and layer.mode == "max"


def _squashing(layers: Sequence[Layer]) -> Iterator[Caution]:
    for number, layer in saturating_layers(layers):
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
        if layer.rate > _MUCH_DROPOUT or (at_the_end and layer.rate > _MUCH_DROPOUT_AT_THE_END):
            where = "the last layer" if at_the_end else "the next layer"
            yield Caution(
                f"layer {number}",
                f"Layer {number} ({layer}) hides {100 * layer.rate:.0f} % of the values from "
                f"{where} at every step: it learns slowly, and from guesswork. Try 0.2 to 0.5.",
            )


def _needless_bias(layers: Sequence[Layer]) -> Iterator[Caution]:
    needless = [
        number
        for number, (layer, following) in enumerate(pairwise(layers), 1)
        if isinstance(layer, Conv)
        and layer.use_bias
        and layer.activation == "linear"
        and isinstance(following, BatchNorm)
    ]
    if needless:
        plural = "s" if len(needless) > 1 else ""
        named = " and ".join(filter(None, [", ".join(map(str, needless[:-1])), str(needless[-1])]))
        yield Caution(
            f"layer {needless[0]}",
            f"The bias of layer{plural} {named} does nothing: the batch normalization "
            "right after it takes the mean away, and adds a number of its own.",
            mild=True,
        )


_PARAMETERS_PER_DIGIT: Final = 20
"""The tutorials' largest network has 10 a digit on the full MNIST, and still reads 98.6 %."""
_FEW_STEPS: Final = 50
_NORM_STEPS: Final = 200
"""Batch norm's running averages keep 0.99 of themselves a step: after 200, 13 % of the start."""
_FAR_TURN: Final = 30
"""Degrees. Between one digit turned left and one turned right lie 60."""
_DIGIT_HALF, _PICTURE_HALF = 10, 14
"""MNIST's digits fill 20 of the 28 pixels."""
_MAY_BE_CUT: Final = 2
"""Pixels at an edge: seldom is a digit at its largest and farthest at once."""


def recipe_warnings(recipe: Recipe, n_train: int) -> list[Caution]:
    """Warn of what will hurt a training.

    Args:
        recipe: The recipe to be trained.
        n_train: The digits that it is fitted to, without those for validation.

    Returns:
        The warnings, mild ones last.

    Example:
        >>> from core.recipes.presets import PRESETS
        >>> recipe = PRESETS["fast"].recipe.changed(optimizer={"learning_rate": 1.0})
        >>> [caution.about for caution in recipe_warnings(recipe, 57_000)]
        ['optimizer.learning_rate']
    """
    cautions = [
        *layer_warnings(recipe.architecture.layers),
        *_learning_rate(recipe, n_train),
        *_steps(recipe, n_train),
        *_parameters(recipe, n_train),
        *_augmentation(recipe),
        *_validation(recipe),
        *_early_stopping(recipe),
    ]
    return sorted(cautions, key=lambda caution: caution.mild)


def _learning_rate(recipe: Recipe, n_train: int) -> Iterator[Caution]:
    judgment = judge_learning_rate(recipe, n_train)
    if judgment == "fits":
        return
    optimizer = recipe.optimizer
    momentum = optimizer.kind != "adam" and optimizer.momentum
    name = {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD"}[optimizer.kind]
    rate = f"A learning rate of {optimizer.learning_rate:g} with {name}" + (
        f" and a momentum of {optimizer.momentum:g}" if momentum else ""
    )
    better = f"{recommended_learning_rate(optimizer):g} is a good start."
    sentence = {
        "too large": "will make the training diverge, or end below what a lower one reaches: each "
        "step overshoots what it aims at.",
        "risky": "is likely to make it diverge: this network has no batch normalization to steady "
        "it.",
        "too small": "is so low that little will be learned in these epochs: the weights hardly "
        "leave where they start.",
    }[judgment]
    yield Caution("optimizer.learning_rate", f"{rate} {sentence} {better}")


def _steps(recipe: Recipe, n_train: int) -> Iterator[Caution]:
    size, steps = recipe.batch_size, recipe.epochs * recipe.steps_per_epoch(n_train)
    if size > n_train:
        yield Caution(
            "batch_size",
            f"A batch of {size} is more than all {n_train:,} digits: there is one step in an "
            "epoch. Take smaller batches.",
        )
    elif steps < _FEW_STEPS:
        yield Caution(
            "batch_size",
            f"The weights move only {steps} times in the whole training: take smaller batches, or "
            "more epochs.",
        )
    elif steps < _NORM_STEPS and has_layer(recipe, BatchNorm):
        yield Caution(
            "batch_size",
            "Good to know: batch normalization answers by averages that it gathers over some "
            f"{_NORM_STEPS} steps, and this training has {steps}. If the validation looks worse "
            f"than the training, that may be why; {_enough_epochs(recipe, n_train)} epochs, or "
            "smaller batches, give it time.",
            mild=True,
        )


def _enough_epochs(recipe: Recipe, n_train: int) -> int:
    """Count the epochs in which there are the steps that batch norm needs."""
    return math.ceil(_NORM_STEPS / recipe.steps_per_epoch(n_train))


def _parameters(recipe: Recipe, n_train: int) -> Iterator[Caution]:
    parameters = recipe.architecture.parameters
    per_digit = parameters / max(n_train, 1)
    if per_digit <= _PARAMETERS_PER_DIGIT:
        return
    sentence = f"{parameters:,} parameters for {n_train:,} digits: {per_digit:.0f} a digit. "
    regularized = recipe.augmentation.active or has_layer(recipe, Dropout)
    if regularized:
        sentence += "Dropout or augmentation keeps them in check: watch the validation loss."
    else:
        sentence += (
            "So many can learn the digits by heart instead of how they are written: use fewer "
            "units or filters, more digits, dropout or augmentation."
        )
    yield Caution("architecture", sentence, mild=regularized)


def _augmentation(recipe: Recipe) -> Iterator[Caution]:
    changes = recipe.augmentation
    for name, degrees, verb in (
        ("rotation", changes.rotation, "Turned"),
        ("shear", changes.shear, "Slanted"),
    ):
        if degrees > _FAR_TURN:
            yield Caution(
                f"augmentation.{name}",
                f"{verb} by up to {degrees:g}°, digits become such as nobody writes, and some look "
                f"like others, as 1 and 7 do: stay below {_FAR_TURN}°.",
            )
    shift = max(changes.width_shift, changes.height_shift)
    reach = _DIGIT_HALF / (1 - changes.zoom) + 2 * _PICTURE_HALF * shift
    cut = reach - _PICTURE_HALF
    if cut > _MAY_BE_CUT:
        field = "zoom"
        if changes.zoom <= shift:
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
            "Without validation digits nothing will show whether the network memorizes: set a "
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
