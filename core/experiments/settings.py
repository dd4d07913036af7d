"""The settings that an experiment may vary: their names, bounds, values as text, and their effect.

A setting is called by its key in `core.recipes.descriptions.GLOSSARY`: a field of the recipe
(`optimizer.learning_rate`), or one of a kind of layer (`conv.filters`), which is set in all layers
of that kind at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel

from core.data.augmentation import Augmentation
from core.recipes.architecture import Conv, Dropout
from core.recipes.draft import block_layers, first_conv, to_blocks, with_filters, with_kernel_size
from core.recipes.recipe import Optimizer, Recipe, Schedule
from core.utils.errors import RecipeError
from core.utils.validation import bounds, choices

SettingValue = int | float | str
ValueKind = Literal["whole number", "number", "choice"]
_SPELLINGS: Final = {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD"}


@dataclass(frozen=True)
class VariableSetting:
    """A setting that an experiment may vary.

    Attributes:
        name: its key in `GLOSSARY`.
        label: what pages and tables call it.
        kind: what its values are.
        low: the lowest value; 0 for a choice.
        high: the highest value; 0 for a choice.
        choices: the values of a choice.
        logarithmic: whether its values are best spread by factors, not by differences.
        applied: makes a recipe with another value; raises RecipeError if there is none.
    """

    name: str
    label: str
    kind: ValueKind
    applied: Callable[[Recipe, Any], Recipe]
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()
    logarithmic: bool = False

    def checked(self, value: object) -> SettingValue:
        """Turn a value from a file, a link or a command line into one of this setting.

        Args:
            value: a number, or a text that holds one; for a choice, its name.

        Returns:
            int for a whole number, float for a number, str for a choice.

        Raises:
            RecipeError: it is of another kind, or out of bounds.

        Example:
            >>> VARIABLE_SETTINGS["epochs"].checked("3")
            3
        """
        if self.kind == "choice":
            if value not in self.choices:
                raise RecipeError(
                    f"{self.label} cannot be {value!r}: choose from {', '.join(self.choices)}."
                )
            return str(value)
        number = _number(value)
        if number is None or (self.kind == "whole number" and number != int(number)):
            raise RecipeError(f"{self.label} cannot be {value!r}: write a {self.kind}.")
        if not self.low <= number <= self.high:
            raise RecipeError(
                f"{self.label} cannot be {number:.10g}: it goes from {self.low:.10g} to "
                f"{self.high:.10g}."
            )
        return int(number) if self.kind == "whole number" else number

    def text(self, value: SettingValue) -> str:
        """Format a value for tables and titles.

        Example:
            >>> VARIABLE_SETTINGS["optimizer.kind"].text("sgd")
            'SGD'
        """
        if isinstance(value, str):
            return _SPELLINGS.get(value, value)
        return f"{value:.10g}"


def _number(value: object) -> float | None:
    """The finite number that a value is or holds; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if number - number == 0 else None


def _field(path: str) -> Callable[[Recipe, Any], Recipe]:
    """Set a field of the recipe, or of one of its parts."""
    part, _, name = path.rpartition(".")

    def applied(recipe: Recipe, value: Any) -> Recipe:
        if not part:
            return recipe.changed(**{name: value})
        fields: Mapping[str, Any] = getattr(recipe, part).model_dump()
        return recipe.changed(**{part: {**fields, name: value}})

    return applied


def _filters(recipe: Recipe, value: int) -> Recipe:
    blocks = to_blocks(recipe.architecture.layers)
    if first_conv(blocks) is None:
        raise RecipeError("This network has no convolution, so its filters cannot be varied.")
    return _with_layers(recipe, block_layers(with_filters(blocks, value)))


def _kernel_size(recipe: Recipe, value: int) -> Recipe:
    blocks = to_blocks(recipe.architecture.layers)
    if first_conv(blocks) is None:
        raise RecipeError("This network has no convolution, so its kernels cannot be varied.")
    return _with_layers(recipe, block_layers(with_kernel_size(blocks, value)))


def _dropout(recipe: Recipe, value: float) -> Recipe:
    layers = recipe.architecture.layers
    if not any(isinstance(layer, Dropout) for layer in layers):
        raise RecipeError("This network has no dropout layer, so its rate cannot be varied.")
    return _with_layers(
        recipe,
        [
            layer.model_copy(update={"rate": value}) if isinstance(layer, Dropout) else layer
            for layer in layers
        ],
    )


def _with_layers(recipe: Recipe, layers: Any) -> Recipe:
    return recipe.changed(architecture={"layers": [layer.model_dump() for layer in layers]})


_MODELS: Final[dict[str, type[BaseModel]]] = {
    "": Recipe,
    "optimizer": Optimizer,
    "schedule": Schedule,
    "augmentation": Augmentation,
    "conv": Conv,
    "dropout": Dropout,
}


def _numeric(
    name: str,
    label: str,
    kind: ValueKind,
    applied: Callable[[Recipe, Any], Recipe] | None = None,
    *,
    logarithmic: bool = False,
) -> VariableSetting:
    """A setting with numbers; its bounds are those of the field that its name tells."""
    part, _, field = name.rpartition(".")
    low, high = bounds(_MODELS[part], field)
    return VariableSetting(
        name, label, kind, applied or _field(name), low, high, logarithmic=logarithmic
    )


def _named(name: str, label: str, values: tuple[str, ...]) -> VariableSetting:
    return VariableSetting(name, label, "choice", _field(name), choices=values)


VARIABLE_SETTINGS: Final[dict[str, VariableSetting]] = {
    setting.name: setting
    for setting in (
        _numeric("optimizer.learning_rate", "Learning rate", "number", logarithmic=True),
        _numeric("conv.filters", "Filters", "whole number", _filters, logarithmic=True),
        _numeric("conv.kernel_size", "Kernel size", "whole number", _kernel_size),
        _numeric("dropout.rate", "Dropout", "number", _dropout),
        _numeric("epochs", "Epochs", "whole number"),
        _numeric("batch_size", "Batch size", "whole number", logarithmic=True),
        _named("optimizer.kind", "Optimizer", choices(Optimizer, "kind")),
        _numeric("optimizer.momentum", "Momentum", "number"),
        _numeric("optimizer.beta_2", "Beta 2", "number"),
        _numeric("optimizer.weight_decay", "Weight decay", "number"),
        _named("schedule.kind", "Learning rate schedule", choices(Schedule, "kind")),
        _numeric("schedule.warmup", "Warm-up", "number"),
        _numeric("label_smoothing", "Label smoothing", "number"),
        _numeric("train_size", "Digits to train on", "whole number", logarithmic=True),
        _named("scaling", "Pixel scaling", choices(Recipe, "scaling")),
        _numeric("augmentation.rotation", "Rotation", "number"),
        _numeric("augmentation.width_shift", "Horizontal shift", "number"),
        _numeric("augmentation.height_shift", "Vertical shift", "number"),
        _numeric("augmentation.shear", "Shear", "number"),
        _numeric("augmentation.zoom", "Zoom", "number"),
        _numeric("augmentation.warp", "Elastic warp", "number"),
        _numeric("augmentation.pens", "Redrawn with other pens", "number"),
        _numeric("augmentation.corruptions", "Corrupted", "number"),
        _numeric("augmentation.adversarial", "Adversarial push", "number"),
    )
}
"""By name, those that are varied most often first."""


def variable_setting(name: str) -> VariableSetting:
    """Find a setting by its name.

    Raises:
        RecipeError: there is none that could be varied.
    """
    try:
        return VARIABLE_SETTINGS[name]
    except KeyError as error:
        raise RecipeError(
            f"{name!r} is no setting that can be varied. These can: {', '.join(VARIABLE_SETTINGS)}."
        ) from error


def value_in(recipe: Recipe, name: str) -> SettingValue | None:
    """Get the value that a setting has in a recipe; None if its network has no such layer.

    Example:
        >>> from core.recipes.presets import PRESETS
        >>> value_in(PRESETS["yalcin"].recipe, "optimizer.kind")
        'adam'
    """
    layers = recipe.architecture.layers
    if name.startswith("conv."):
        conv = next((layer for layer in layers if isinstance(layer, Conv)), None)
        return None if conv is None else getattr(conv, name.removeprefix("conv."))
    if name == "dropout.rate":
        return next((layer.rate for layer in layers if isinstance(layer, Dropout)), None)
    value: Any = recipe
    for part in variable_setting(name).name.split("."):
        value = getattr(value, part)
    checked: SettingValue = value
    return checked


def suggested_values(setting: VariableSetting, recipe: Recipe) -> list[int | float]:
    """Values around the recipe's own: a third and three times, or lower and higher.

    Args:
        setting: one that has numbers.
        recipe: whose value is in the middle.
    """
    own = value_in(recipe, setting.name)
    whole = setting.kind == "whole number"
    if not isinstance(own, int | float) or not own:
        step = (setting.high - setting.low) / 4
        tried = [setting.low, setting.low + step, setting.low + 2 * step]
    elif setting.logarithmic:
        factor = 2 if whole else 3
        tried = [own / factor, own, own * factor]
    else:
        step = max(own / 2, 1) if whole else own / 2
        tried = [own - step, own, own + step]
    rounded = [round(value) if whole else float(f"{value:.2g}") for value in tried]
    inside = [min(max(value, setting.low), setting.high) for value in rounded]
    return list(dict.fromkeys(inside))


def suggested_bounds(setting: VariableSetting, recipe: Recipe) -> tuple[int | float, int | float]:
    """Bounds around the recipe's own value to search in: by factors of ten for a learning rate.

    Args:
        setting: one that has numbers.
        recipe: whose value lies between them.
    """
    own = value_in(recipe, setting.name)
    if setting.logarithmic and setting.kind == "number" and isinstance(own, float) and own:
        low, high = (float(f"{own * factor:.2g}") for factor in (0.1, 10))
        return max(low, setting.low), min(high, setting.high)
    values = suggested_values(setting, recipe)
    if values[0] < values[-1]:
        return values[0], values[-1]
    return (
        (int(setting.low), int(setting.high))
        if setting.kind == "whole number"
        else (setting.low, setting.high)
    )
