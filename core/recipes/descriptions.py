"""Texts on recipes: a sentence that explains each setting, and the settings by name and value.

The keys of `GLOSSARY` are the recipe's fields (`optimizer.momentum`), the kinds of layers (`pool`)
and their fields (`pool.size`). `tests/core/recipes/test_descriptions.py` fails if a field has no
sentence.
"""

from typing import Final

from core.recipes.architecture import Conv, Layer
from core.recipes.recipe import Recipe

GLOSSARY: Final[dict[str, str]] = {
    "dataset": (
        "The digits to learn from: all of MNIST's 60,000, or a sample of 4,000 that is quick to "
        "train on and needs no download."
    ),
    "exclude_sample_test": (
        "Leaves the sample's 1,000 test digits out of MNIST's training digits, so that they can "
        "test this network fairly."
    ),
    "train_size": (
        "How many of the training digits are used, each class in proportion; 0 takes all. The seed "
        "decides which. Those that are left out can serve as digits without labels later on."
    ),
    "scaling": (
        "How gray values from 0 to 255 become the network's input: divided by 255, each column of "
        "pixels brought to length 1, or shifted and scaled to mean 0 and standard deviation 1."
    ),
    "architecture": "The layers, from the digit's 28×28 pixels to a probability for each digit.",
    "optimizer.kind": (
        "The rule by which weights follow the gradient: SGD takes it as it is, RMSprop and Adam "
        "scale it for each weight by how large it has been lately."
    ),
    "optimizer.learning_rate": (
        "How far the weights move at each step: too far and the training diverges, too little and "
        "it hardly gets anywhere."
    ),
    "optimizer.beta_2": (
        "How long Adam remembers how large a weight's gradients were: at 0.999 about a thousand "
        "steps, at 0.99 about a hundred."
    ),
    "optimizer.momentum": (
        "What part of the last step is added to this one: it smooths the way and, at 0.9, makes "
        "the steps up to ten times as long. RMSprop and SGD only."
    ),
    "optimizer.weight_decay": (
        "Shrinks the weights of convolutions and dense layers a little at each step, in proportion "
        "to the learning rate: large weights must earn their place."
    ),
    "schedule.kind": (
        "How the learning rate moves: constant, or one-cycle, which climbs to it at first and then "
        "falls almost to zero, so that the training ends with fine steps."
    ),
    "schedule.warmup": "The part of all steps in which one-cycle climbs to its highest rate.",
    "loss": (
        "How wrong the answers are: cross-entropy, minus the logarithm of the probability given to "
        "the true digit. The sparse one takes labels as numbers, the other as ten zeros and ones; "
        "the result is the same."
    ),
    "label_smoothing": (
        "Asks for a little less than certainty: this much of each label is spread evenly over all "
        "ten digits, which keeps the network from becoming too sure of itself."
    ),
    "batch_size": (
        "How many digits are looked at before each step: large batches give steadier steps, but "
        "fewer of them in an epoch."
    ),
    "drop_remainder": (
        "Leaves the last batch of an epoch out if the digits do not fill it, as scripts do that "
        "round the steps of an epoch down. Each epoch has a new order, so other digits are left "
        "out each time."
    ),
    "epochs": "How many times the network sees every training digit.",
    "validation_split": (
        "The part of the training digits that is set aside: after each epoch they show how the "
        "network does on digits that it has not learned from."
    ),
    "validate_on_test": (
        "Validates on the test digits instead. Whoever chooses settings or an epoch by them can no "
        "longer call their result a fair test."
    ),
    "early_stopping": (
        "Ends the training when this many epochs in a row have brought no lower validation loss; "
        "0 never does."
    ),
    "keep_best": (
        "Keeps the weights of the epoch with the lowest validation loss instead of the last one's."
    ),
    "seed": (
        "The number that all chance is drawn from: first weights, order of the digits, dropout and "
        "augmentation. The same recipe with another seed shows how much is luck."
    ),
    "augmentation.rotation": "Turns each digit by a random angle of up to so many degrees.",
    "augmentation.width_shift": (
        "Moves each digit to the left or right, at random and at most this far; 10 % of the "
        "picture's width are about 3 of its 28 pixels."
    ),
    "augmentation.height_shift": (
        "Moves each digit up or down, at random and at most this far; 10 % of the picture's "
        "height are about 3 of its 28 pixels."
    ),
    "augmentation.shear": "Slants each digit by up to so many degrees: one side rises.",
    "augmentation.zoom": (
        "Makes each digit larger or smaller, at random: at 10 %, height and width become about 90 "
        "to 110 % of what they were, each by itself."
    ),
    "augmentation.pens": (
        "The part of the digits that is redrawn each time: with a wider or thinner pen, slanted, "
        "bent, coarser, or in a form that MNIST hardly has, such as a 7 with a bar. Drawings and "
        "uploads are then read better."
    ),
    "augmentation.warp": (
        "Bends each digit as if it were written on rubber (Simard, Steinkraus and Platt, 2003): up "
        "to so many times a smooth random field; they used 34."
    ),
    "augmentation.corruptions": (
        "The part of the digits that get noise, blur, haze, a negative, lines, drops, or lose all "
        "but their outlines. The network then reads bad photos and scans better."
    ),
    "augmentation.adversarial": (
        "Before each step, every pixel is pushed by up to this part of the gray scale in the "
        "direction that fools the network most, so that it learns to withstand such pushes. It "
        "takes twice the time and costs some accuracy on digits as they are."
    ),
    "conv": (
        "Slides small kernels over the picture; each answers where it finds its own pattern, and "
        "its answers make one feature map."
    ),
    "conv.filters": "How many kernels: each looks for a pattern of its own.",
    "conv.kernel_size": "The side of the square of pixels that a kernel looks at at once.",
    "conv.padding": (
        "Same puts zeros around the picture, so that the maps keep its size; valid does not, and "
        "they lose a little at each edge."
    ),
    "conv.activation": (
        "What is done to each answer: relu keeps what is above zero; linear changes nothing, for "
        "when batch normalization or an activation layer follows."
    ),
    "conv.use_bias": (
        "Adds a number of its own to each map. Batch normalization right after it takes that away "
        "again."
    ),
    "batch-norm": (
        "Shifts and scales each map to mean 0 and standard deviation 1 over the batch, then by two "
        "learned numbers: deep networks learn faster and bear higher learning rates."
    ),
    "activation": (
        "Bends the values, so that layers stacked on each other can do more than a single one."
    ),
    "activation.activation": (
        "How the values are bent: relu is the usual choice for hidden layers, elu and gelu are "
        "smoother kin; sigmoid and tanh flatten large values, softmax makes a sum of 1."
    ),
    "pool": (
        "Puts one number in place of each small square: the maps shrink, and where exactly a "
        "pattern was found matters less."
    ),
    "pool.mode": "Keeps the largest value of each square, or the average of it.",
    "pool.size": "The side of the squares: 2 halves height and width; a rest is dropped.",
    "global-average": (
        "Puts the average of each feature map in its place: far fewer numbers than flatten gives, "
        "and none to learn."
    ),
    "flatten": "Lays all feature maps out as one long row of numbers, for the dense layers.",
    "dropout": (
        "Sets random values to zero while training, so that the network cannot rely on a single "
        "one; it is off when the network answers."
    ),
    "dropout.rate": "The part of the values that is set to zero at each step.",
    "dense": (
        "Each of its units takes a weighted sum of all numbers before it. The last one has ten, "
        "one for each digit."
    ),
    "dense.units": "How many weighted sums are taken, each with weights of its own.",
    "dense.activation": (
        "What is done to each sum: relu in hidden layers; softmax at the end, which makes ten "
        "probabilities that add up to 1."
    ),
}
NO_SETTINGS = "–"
"""Stands where a setting has no effect, or there is no such layer."""
_SCALINGS = {
    "divide-255": "gray values divided by 255",
    "l2-axis-1": "each column of pixels to length 1",
    "standardise": "MNIST's mean taken away, divided by its standard deviation",
}


def describe_settings(recipe: Recipe) -> dict[str, str]:
    """List every setting but the layers, in the order of a training.

    Returns:
        Name to value, for reading. A setting that another one makes meaningless, such as the
        momentum of Adam, is a dash.

    Example:
        >>> from core.recipes.presets import PRESETS
        >>> settings = describe_settings(PRESETS["yalcin"].recipe)
        >>> settings["Optimizer"], settings["Epochs"], settings["Momentum"]
        ('Adam', '10', '–')
    """
    optimizer, schedule, changes = recipe.optimizer, recipe.schedule, recipe.augmentation
    adam, cycle = optimizer.kind == "adam", schedule.kind == "one-cycle"
    return {
        "Dataset": recipe.dataset,
        "Sample's test digits left out": (
            _yes(recipe.exclude_sample_test) if recipe.dataset == "mnist" else NO_SETTINGS
        ),
        "Digits to train on": f"{recipe.train_size:,}" if recipe.train_size else "all",
        "Pixel scaling": _SCALINGS[recipe.scaling],
        "Optimizer": {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD"}[optimizer.kind],
        "Learning rate": f"{optimizer.learning_rate:.10g}",
        "Beta 2": f"{optimizer.beta_2:.10g}" if adam else NO_SETTINGS,
        "Momentum": NO_SETTINGS if adam else f"{optimizer.momentum:.10g}",
        "Weight decay": f"{optimizer.weight_decay:.10g}",
        "Learning rate schedule": schedule.kind,
        "Warm-up": f"{100 * schedule.warmup:.10g} % of all steps" if cycle else NO_SETTINGS,
        "Loss": recipe.loss.replace("_", " "),
        "Label smoothing": f"{recipe.label_smoothing:.10g}",
        "Batch size": str(recipe.batch_size),
        "Smaller last batch": "left out" if recipe.drop_remainder else "trained on",
        "Epochs": str(recipe.epochs),
        "Validation": _validation(recipe),
        "Rotation": _around(changes.rotation, "°"),
        "Horizontal shift": _around(100 * changes.width_shift, " % of the width"),
        "Vertical shift": _around(100 * changes.height_shift, " % of the height"),
        "Shear": _around(changes.shear, "°"),
        "Zoom": _around(100 * changes.zoom, " %"),
        "Elastic warp": f"up to {changes.warp:.10g}" if changes.warp else "none",
        "Redrawn with other pens": _part_of_digits(changes.pens),
        "Corrupted": _part_of_digits(changes.corruptions),
        "Adversarial push": _around(100 * changes.adversarial, " % of the gray scale"),
        "Early stopping": (
            f"after {recipe.early_stopping} epochs without a lower validation loss"
            if recipe.early_stopping
            else "no"
        ),
        "Keeps the best epoch": _yes(recipe.keep_best),
        "Seed": str(recipe.seed),
    }


def describe_layer(layer: Layer) -> str:
    """Describe a layer with all its settings.

    Example:
        >>> describe_layer(Conv(filters=8, padding="same"))
        'Conv2D 8 kernels 3×3, relu, padded to the same size'
    """
    if not isinstance(layer, Conv):
        return str(layer)
    padding = ", padded to the same size" if layer.padding == "same" else ""
    return f"{layer}{padding}{'' if layer.use_bias else ', no bias'}"


def _validation(recipe: Recipe) -> str:
    if recipe.validate_on_test:
        return "on the test digits"
    share = recipe.validation_split
    return f"on {100 * share:.10g} % of the training digits" if share else "none"


def _part_of_digits(share: float) -> str:
    return f"{100 * share:.10g} % of the digits" if share else "none"


def _around(amount: float, unit: str) -> str:
    return f"± {amount:.10g}{unit}" if amount else "none"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
