"""A recipe in words: each setting by its name and value, for reports and comparisons."""

from core.architectures import Conv, Layer
from core.recipes import Recipe

NOTHING = "–"
"""Stands where a setting has no effect, or there is no such layer."""

_SCALINGS = {
    "divide-255": "grey values divided by 255",
    "l2-axis-1": "each column of pixels to length 1",
    "standardise": "MNIST's mean taken away, divided by its standard deviation",
}


def settings_in_words(recipe: Recipe) -> dict[str, str]:
    """Every setting but the layers, in the order of a training: name to value.

    A setting that another one makes meaningless, such as the momentum of Adam, is a dash.
    """
    optimizer, schedule, changes = recipe.optimizer, recipe.schedule, recipe.augmentation
    adam, cycle = optimizer.kind == "adam", schedule.kind == "one-cycle"
    return {
        "Dataset": recipe.dataset,
        "Sample's test digits left out": (
            _yes(recipe.exclude_sample_test) if recipe.dataset == "mnist" else NOTHING
        ),
        "Pixel scaling": _SCALINGS[recipe.scaling],
        "Optimizer": {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD"}[optimizer.kind],
        "Learning rate": f"{optimizer.learning_rate:.10g}",
        "Beta 2": f"{optimizer.beta_2:.10g}" if adam else NOTHING,
        "Momentum": NOTHING if adam else f"{optimizer.momentum:.10g}",
        "Weight decay": f"{optimizer.weight_decay:.10g}",
        "Learning rate schedule": schedule.kind,
        "Warm-up": f"{100 * schedule.warmup:.10g} % of all steps" if cycle else NOTHING,
        "Loss": recipe.loss.replace("_", " "),
        "Label smoothing": f"{recipe.label_smoothing:.10g}",
        "Batch size": str(recipe.batch_size),
        "Epochs": str(recipe.epochs),
        "Validation": _validation(recipe),
        "Rotation": _around(changes.rotation, "°"),
        "Horizontal shift": _around(100 * changes.width_shift, " % of the width"),
        "Vertical shift": _around(100 * changes.height_shift, " % of the height"),
        "Shear": _around(changes.shear, "°"),
        "Zoom": _around(100 * changes.zoom, " %"),
        "Early stopping": (
            f"after {recipe.early_stopping} epochs without a lower validation loss"
            if recipe.early_stopping
            else "no"
        ),
        "Keeps the best epoch": _yes(recipe.keep_best),
        "Seed": str(recipe.seed),
    }


def layer_in_words(layer: Layer) -> str:
    """A layer with everything that tells it from another one."""
    if not isinstance(layer, Conv):
        return str(layer)
    padding = ", padded to the same size" if layer.padding == "same" else ""
    return f"{layer}{padding}{'' if layer.use_bias else ', no bias'}"


def _validation(recipe: Recipe) -> str:
    if recipe.validate_on_test:
        return "on the test digits"
    share = recipe.validation_split
    return f"on {100 * share:.10g} % of the training digits" if share else "none"


def _around(amount: float, unit: str) -> str:
    return f"± {amount:.10g}{unit}" if amount else "none"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
