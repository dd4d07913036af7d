"""The plan of an experiment: a recipe, the settings that vary, and how many seeds each gets.

Without a varied setting a plan repeats one recipe over seeds. With one to three of them it is a
grid: each combination of their values, with each seed. Equal plans train equal runs on machines of
one kind. `core.experiments.search` is the plan of a search, `core.experiments.links` their form in
links.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from core.experiments.settings import SettingValue, VariableSetting, variable_setting
from core.recipes.descriptions import describe_layer, describe_settings
from core.recipes.recipe import Recipe
from core.utils.errors import RecipeError
from core.utils.validation import FrozenModel

MAX_FACTORS: Final = 3
MAX_SEEDS: Final = 50
MAX_RUNS: Final = 1_000
_MAX_VALUES: Final = 50


class Varied(Protocol):
    """Anything that varies a setting."""

    @property
    def variable(self) -> VariableSetting:
        """The setting with its label, bounds and effect."""
        ...


class Factor(FrozenModel):
    """A setting that varies, and its values in order."""

    setting: str
    values: tuple[SettingValue, ...] = Field(min_length=1, max_length=_MAX_VALUES)

    @model_validator(mode="before")
    @classmethod
    def _of_its_kind(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        values = fields.get("values", ())
        if not isinstance(values, list | tuple):
            return fields
        setting = variable_setting(str(fields.get("setting")))
        return {**fields, "values": tuple(setting.checked(value) for value in values)}

    @field_validator("values")
    @classmethod
    def _each_once(cls, values: tuple[SettingValue, ...]) -> tuple[SettingValue, ...]:
        if len(set(values)) < len(values):
            raise ValueError("a value is there twice: give each once")
        return values

    @property
    def variable(self) -> VariableSetting:
        """The setting with its label, bounds and effect."""
        return variable_setting(self.setting)


@dataclass(frozen=True)
class Combination:
    """One value of each varied setting.

    Attributes:
        number: its place in the plan, from 0.
        settings: the names of the varied settings, in the order of the plan's factors.
        values: the value of each of them.
        name: the values for tables and titles, such as "Learning rate 0.01, Filters 8".
        recipe: what is trained, with the plan's first seed.
    """

    number: int
    settings: tuple[str, ...]
    values: tuple[SettingValue, ...]
    name: str
    recipe: Recipe


@dataclass(frozen=True)
class Trial:
    """One training of a plan.

    Attributes:
        number: its place in the plan, from 0.
        combination: its settings.
        seed: its seed.
    """

    number: int
    combination: Combination
    seed: int

    @property
    def recipe(self) -> Recipe:
        """What is trained."""
        return self.combination.recipe.changed(seed=self.seed)


class Plan(FrozenModel):
    """What an experiment trains. The seeds are the recipe's own and those that follow it."""

    recipe: Recipe
    factors: tuple[Factor, ...] = Field(default=(), max_length=MAX_FACTORS)
    seeds: int = Field(default=5, ge=1, le=MAX_SEEDS)

    @model_validator(mode="after")
    def _can_be_trained(self) -> Self:
        if len(set(self.settings)) < len(self.settings):
            raise ValueError("a setting is varied twice: give all its values at once")
        if self.trials < 2:
            raise ValueError(
                "nothing varies, so this is a single training: ask for more seeds, or vary a "
                "setting"
            )
        if self.trials > MAX_RUNS:
            raise ValueError(
                f"these are {self.trials:,} trainings, and {MAX_RUNS:,} are the most: vary fewer "
                "values, or ask for fewer seeds"
            )
        if self.recipe.seed + self.seeds > 2**31:
            raise ValueError("the seeds would pass the largest one: begin with a smaller seed")
        return self

    @property
    def settings(self) -> tuple[str, ...]:
        """The names of the settings that vary."""
        return tuple(factor.setting for factor in self.factors)

    @property
    def trials(self) -> int:
        """The number of trainings."""
        return self.seeds * _combination_count(self.factors)

    def trial(self, number: int) -> Trial:
        """Get a training by its place, from 0.

        Each combination comes with the first seed before any comes with the second. So an
        experiment that was cut off has tried all settings, and one that is extended by seeds keeps
        the places of its trainings.
        """
        combinations = combinations_of(self)
        round_number, place = divmod(number, len(combinations))
        return Trial(number, combinations[place], self.recipe.seed + round_number)

    def all_trials(self) -> Iterator[Trial]:
        """Go through all trainings, in their order."""
        return (self.trial(number) for number in range(self.trials))

    def describe(self) -> str:
        """Say what is trained, such as "4 combinations × 3 seeds = 12 trainings"."""
        count = _combination_count(self.factors)
        if not self.factors:
            return f"one recipe × {self.seeds} seeds = {self.seeds} trainings"
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        what = "1 combination" if count == 1 else f"{count} combinations"
        return f"{what} × {seeds} = {self.trials:,} trainings"


def make_plan(recipe: Recipe, factors: Sequence[Factor] = (), seeds: int = 5) -> Plan:
    """Make a plan, and check that each of its combinations can be trained.

    Args:
        recipe: what does not vary, and the first seed.
        factors: at most three settings with their values.
        seeds: how many seeds each combination gets.

    Raises:
        RecipeError: it is no plan, or one of its combinations cannot be trained; the error names
            it.

    Example:
        >>> from core.recipes.presets import PRESETS
        >>> rates = make_factor("optimizer.learning_rate", [0.001, 0.003])
        >>> make_plan(PRESETS["fast"].recipe, [rates], seeds=3).describe()
        '2 combinations × 3 seeds = 6 trainings'
    """
    try:
        plan = Plan(recipe=recipe, factors=tuple(factors), seeds=seeds)
    except ValidationError as error:
        raise RecipeError(_explanation(error)) from error
    combinations_of(plan)
    return plan


def make_factor(setting: str, values: Sequence[object]) -> Factor:
    """Make a factor of values as they come from a page or a command line.

    Args:
        setting: a name in `VARIABLE_SETTINGS`.
        values: numbers, texts that hold one, or names of choices; each once.

    Raises:
        RecipeError: there is no such setting, or it cannot have one of the values.
    """
    if not values:
        raise RecipeError(f"{variable_setting(setting).label} has no values to try: give some.")
    try:
        return Factor.model_validate({"setting": setting, "values": list(values)})
    except ValidationError as error:
        raise RecipeError(
            f"{variable_setting(setting).label}: {_explanation(error, bare=True)}."
        ) from error


@lru_cache(maxsize=64)  # pages ask at each rerun, and validate up to a thousand recipes
def combinations_of(plan: Plan) -> tuple[Combination, ...]:
    """List the combinations of a plan's values; the last setting varies quickest.

    Raises:
        RecipeError: one of them cannot be trained, or two of them train the same network.
    """
    combinations: list[Combination] = []
    for number, values in enumerate(itertools.product(*(factor.values for factor in plan.factors))):
        name = combination_name(plan.factors, values)
        recipe = plan.recipe
        try:
            for factor, value in zip(plan.factors, values, strict=True):
                recipe = factor.variable.applied(recipe, value)
        except RecipeError as error:
            raise RecipeError(f"{name}: {error}" if len(values) > 1 else str(error)) from error
        combinations.append(Combination(number, plan.settings, values, name, recipe))
    _check_each_differs(combinations)
    return tuple(combinations)


def _combination_count(factors: Sequence[Factor]) -> int:
    count = 1
    for factor in factors:
        count *= len(factor.values)
    return count


def combination_name(factors: Sequence[Varied], values: Sequence[SettingValue]) -> str:
    """Name a combination by its values, such as "Learning rate 0.01, Filters 8"."""
    parts = [
        f"{factor.variable.label} {factor.variable.text(value)}"
        for factor, value in zip(factors, values, strict=True)
    ]
    return ", ".join(parts) or "the recipe"


def _check_each_differs(combinations: Sequence[Combination]) -> None:
    """Raise RecipeError if a setting has no effect, such as the momentum of Adam."""
    first: dict[str, Combination] = {}
    for combination in combinations:
        same = first.setdefault(_effective(combination.recipe), combination)
        if same is not combination:
            raise RecipeError(
                f"“{same.name}” and “{combination.name}” train the very same network: a setting "
                "has no effect here. Vary another one."
            )


def _effective(recipe: Recipe) -> str:
    """A text that is equal for recipes which train alike: settings without effect are left out."""
    settings = describe_settings(recipe)
    layers = [describe_layer(layer) for layer in recipe.architecture.layers]
    return json.dumps([settings, layers])


def _explanation(error: ValidationError, *, bare: bool = False) -> str:
    """Phrase the first error that pydantic found in a plan."""
    first = error.errors(include_url=False)[0]
    where = first["loc"][-1] if first["loc"] else ""
    message = first["msg"].removeprefix("Value error, ")
    if bare:
        return message[:1].lower() + message[1:]
    if where == "seeds":
        return f"An experiment has 1 to {MAX_SEEDS} seeds, not {first['input']}."
    if where == "factors":
        return f"At most {MAX_FACTORS} settings can be varied at once: leave some as they are."
    return f"This experiment cannot be made: {message}."
