"""The plan of a search: which settings are looked for, in which bounds, and with what budget.

Unlike a grid, a search does not know its trainings beforehand: the settings of each are proposed
from what the earlier ones reached (`core.experiments.proposals`). All of them have the same seed,
so that they differ by their settings alone.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator

from core.experiments.plan import Combination, Plan, Trial, combination_name
from core.experiments.settings import SettingValue, VariableSetting, variable_setting
from core.recipes.recipe import Recipe
from core.utils.errors import RecipeError
from core.utils.validation import FrozenModel

Pruning = Literal["none", "successive halving", "Hyperband"]
MAX_DIMENSIONS: Final = 6
MAX_SEARCH_RUNS: Final = 200
MIN_SEARCH_RUNS: Final = 4
DEFAULT_SEARCH_RUNS: Final = 20
_MAX_PARALLEL: Final = 16
MAX_SEARCH_MINUTES: Final = 10_000
_DIGITS: Final = 4
"""Numbers are proposed with so many digits: more would be noise in tables and links."""


class Dimension(FrozenModel):
    """A setting that is searched: a number between two bounds, or one of some choices."""

    setting: str
    values: tuple[SettingValue, ...] = Field(
        min_length=2, description="the lower and the upper bound of a number; a choice's names"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_its_kind(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or not isinstance(fields.get("values"), list | tuple):
            return fields
        setting = variable_setting(str(fields.get("setting")))
        return {**fields, "values": tuple(setting.checked(value) for value in fields["values"])}

    @model_validator(mode="after")
    def _is_wide(self) -> Self:
        if self.variable.kind == "choice":
            if len(set(self.values)) < len(self.values):
                raise ValueError("a choice is there twice: give each once")
            return self
        if len(self.values) != 2:
            raise ValueError("a search needs its lower and its upper bound")
        low, high = self.bounds
        if not low < high:
            raise ValueError(f"the lower bound {low:.10g} is not below the upper one {high:.10g}")
        return self

    @property
    def variable(self) -> VariableSetting:
        """The setting with its label, bounds and effect."""
        return variable_setting(self.setting)

    @property
    def bounds(self) -> tuple[float, float]:
        """The lower and the upper bound of a number."""
        low, high = self.values
        return float(low), float(high)

    @property
    def logarithmic(self) -> bool:
        """Whether it is searched by factors, as a learning rate is."""
        return self.variable.logarithmic and self.bounds[0] > 0

    def rounded(self, value: object) -> SettingValue:
        """Turn a proposed value into one of the setting, with four digits, inside the bounds."""
        if self.variable.kind == "choice":
            return self.variable.checked(value)
        low, high = self.bounds
        number = float(f"{float(str(value)):.{_DIGITS}g}")
        return self.variable.checked(min(max(number, low), high))

    def text(self) -> str:
        """Say what is searched, such as "Learning rate 0.001 to 0.01"."""
        variable = self.variable
        if variable.kind == "choice":
            return f"{variable.label} {', '.join(map(variable.text, self.values))}"
        low, high = self.values
        return f"{variable.label} {variable.text(low)} to {variable.text(high)}"


class Search(FrozenModel):
    """What an experiment searches. The budget is a number of trainings, and minutes if given."""

    recipe: Recipe
    dimensions: tuple[Dimension, ...] = Field(min_length=1, max_length=MAX_DIMENSIONS)
    runs: int = Field(default=DEFAULT_SEARCH_RUNS, ge=MIN_SEARCH_RUNS, le=MAX_SEARCH_RUNS)
    minutes: float = Field(
        default=0, ge=0, le=MAX_SEARCH_MINUTES, description="of training; 0: no limit"
    )
    pruning: Pruning = "successive halving"
    parallel: int = Field(
        default=1,
        ge=1,
        le=_MAX_PARALLEL,
        description="trainings that may go on at a time: a proposal knows all but as many before "
        "it, less one",
    )

    @model_validator(mode="after")
    def _can_choose(self) -> Self:
        if len(set(self.settings)) < len(self.settings):
            raise ValueError("a setting is searched twice: give its bounds once")
        if not self.recipe.validates:
            raise ValueError(
                "a search chooses by the validation loss, and this recipe validates on nothing: "
                "give it a validation split"
            )
        if self.recipe.validate_on_test:
            raise ValueError(
                "this recipe validates on the test digits: a search would choose by them, and the "
                "test accuracy of its choice would be too good. Give it a validation split"
            )
        return self

    @property
    def trials(self) -> int:
        """The number of trainings, if the minutes suffice."""
        return self.runs

    @property
    def settings(self) -> tuple[str, ...]:
        """The names of the settings that are searched."""
        return tuple(dimension.setting for dimension in self.dimensions)

    def trial(self, number: int, values: Sequence[SettingValue]) -> Trial:
        """Make a training with proposed values.

        Raises:
            RecipeError: the values cannot be trained.
        """
        combination = Combination(
            number,
            self.settings,
            tuple(values),
            combination_name(self.dimensions, values),
            self.applied(values),
        )
        return Trial(number, combination, self.recipe.seed)

    def applied(self, values: Sequence[SettingValue]) -> Recipe:
        """The recipe with other values.

        Raises:
            RecipeError: there is no such recipe.
        """
        recipe = self.recipe
        for dimension, value in zip(self.dimensions, values, strict=True):
            recipe = dimension.variable.applied(recipe, value)
        return recipe

    def known_before(self, number: int) -> int:
        """How many trainings, from the first on, must have ended before one is proposed.

        So a proposal depends on the numbers of trainings only, not on which ended sooner, and the
        same search trains the same networks again.
        """
        return max(0, number - self.parallel + 1)

    def corners(self) -> list[Recipe]:
        """The recipes at the bounds: every combination of lowest and highest, and of all choices.

        Raises:
            RecipeError: one of them cannot be trained; the error names it.
        """
        recipes: list[Recipe] = []
        for values in itertools.product(*(dimension.values for dimension in self.dimensions)):
            try:
                recipes.append(self.applied(values))
            except RecipeError as error:
                name = combination_name(self.dimensions, values)
                raise RecipeError(f"{name}: {error}") from error
        return recipes

    def middle(self) -> Recipe:
        """A recipe in the middle of the bounds, for estimates; choices stay as the recipe's."""
        recipe = self.recipe
        for dimension in self.dimensions:
            if dimension.variable.kind == "choice":
                continue
            low, high = dimension.bounds
            center = math.sqrt(low * high) if dimension.logarithmic else (low + high) / 2
            value = round(center) if dimension.variable.kind == "whole number" else center
            recipe = dimension.variable.applied(recipe, dimension.rounded(value))
        return recipe

    def describe(self) -> str:
        """Say what is searched, such as "a search of 2 settings with 20 trainings"."""
        count = len(self.dimensions)
        settings = "1 setting" if count == 1 else f"{count} settings"
        within = f" within {self.minutes:g} minutes of training" if self.minutes else ""
        return f"a search of {settings} with {self.runs} trainings{within}"


AnyPlan = Plan | Search
"""What an experiment may train: a recipe over seeds, a grid, or a search."""
PRUNINGS: Final[tuple[Pruning, ...]] = get_args(Pruning)


def make_dimension(setting: str, values: Sequence[object]) -> Dimension:
    """Make a dimension of values as they come from a page or a command line.

    Args:
        setting: a name in `VARIABLE_SETTINGS`.
        values: the lower and the upper bound of a number, or the names of choices.

    Raises:
        RecipeError: there is no such setting, or it cannot have one of the values.

    Example:
        >>> make_dimension("optimizer.learning_rate", ["0.001", "0.01"]).text()
        'Learning rate 0.001 to 0.01'
    """
    label = variable_setting(setting).label
    try:
        return Dimension.model_validate({"setting": setting, "values": list(values)})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "too_short":
            message = "a search needs two bounds, or two choices at least"
        raise RecipeError(f"{label}: {message}.") from error


def make_search(
    recipe: Recipe,
    dimensions: Sequence[Dimension],
    *,
    runs: int = DEFAULT_SEARCH_RUNS,
    minutes: float = 0,
    pruning: Pruning = "successive halving",
    parallel: int = 1,
) -> Search:
    """Make a search, and check that the corners of its bounds can be trained.

    Args:
        recipe: what is not searched, and the seed of all trainings and proposals.
        dimensions: at most six settings with their bounds.
        runs: how many trainings.
        minutes: no training begins after so many minutes of training; 0: no limit.
        pruning: how trainings that do worse than the others are ended before their last epoch.
        parallel: how many trainings may go on at a time.

    Raises:
        RecipeError: it is no search, or a corner of its bounds cannot be trained.
    """
    fields = {
        "recipe": recipe,
        "dimensions": tuple(dimensions),
        "runs": runs,
        "minutes": minutes,
        "pruning": pruning,
        "parallel": parallel,
    }
    try:
        search = Search.model_validate(fields)
    except ValidationError as error:
        raise RecipeError(_explanation(error)) from error
    search.corners()
    return search


def _explanation(error: ValidationError) -> str:
    """Phrase the first error that pydantic found in a search."""
    first = error.errors(include_url=False)[0]
    where = first["loc"][0] if first["loc"] else ""
    if where == "dimensions":
        return f"A search has 1 to {MAX_DIMENSIONS} settings: choose what it looks for."
    if where == "runs":
        return (
            f"A search has {MIN_SEARCH_RUNS} to {MAX_SEARCH_RUNS} trainings, not {first['input']}."
        )
    if where == "minutes":
        return f"A search has at most {MAX_SEARCH_MINUTES:,} minutes, not {first['input']}."
    if where == "pruning":
        return f"There is no pruning {first['input']!r}. There are: {', '.join(PRUNINGS)}."
    if where == "parallel":
        return f"A search trains 1 to {_MAX_PARALLEL} at a time, not {first['input']}."
    return f"This search cannot be made: {first['msg'].removeprefix('Value error, ')}."
