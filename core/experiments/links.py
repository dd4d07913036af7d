"""Plans and searches in links: text of the characters A-Z a-z 0-9 - _, as recipes have it."""

import json
from typing import Any, Final

from core.experiments.plan import make_factor, make_plan
from core.experiments.search import AnyPlan, Search, make_dimension, make_search
from core.recipes.recipe import MAX_LINK_LENGTH, Recipe, recipe_from_link, recipe_to_link
from core.utils.compact_text import pack_text, unpack_text
from core.utils.errors import RecipeError

_VERSION: Final = "1"
_MAX_BYTES: Final = 20_000
_DAMAGED: Final = (
    "The experiment in the link cannot be read: it was cut off, or it is no link of this page. "
    "Copy the whole link again."
)


def plan_to_link(plan: AnyPlan) -> str:
    """Encode what an experiment trains for a link."""
    fields: dict[str, Any] = {"recipe": recipe_to_link(plan.recipe)}
    if isinstance(plan, Search):
        fields["search"] = [[each.setting, *each.values] for each in plan.dimensions]
        fields["runs"], fields["minutes"] = plan.runs, plan.minutes
        fields["pruning"], fields["parallel"] = plan.pruning, plan.parallel
    else:
        fields["factors"] = [[factor.setting, *factor.values] for factor in plan.factors]
        fields["seeds"] = plan.seeds
    return _VERSION + pack_text(json.dumps(fields, separators=(",", ":")))


def plan_from_link(text: str) -> AnyPlan:
    """Decode what an experiment of a link trains.

    Args:
        text: what `plan_to_link` returned.

    Raises:
        RecipeError: it is damaged or of another version, or holds nothing that can be trained.
    """
    if len(text) > 2 * MAX_LINK_LENGTH or not text.startswith(_VERSION):
        raise RecipeError(_DAMAGED)
    try:
        fields = json.loads(unpack_text(text.removeprefix(_VERSION), _MAX_BYTES))
        recipe_link = str(fields["recipe"])
        return _decoded(fields, recipe_from_link(recipe_link))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RecipeError(_DAMAGED) from error


def _decoded(fields: dict[str, Any], recipe: Recipe) -> AnyPlan:
    """Make the plan or the search; KeyError, TypeError and the like if a field is no such one."""
    if "search" not in fields:
        factors = [make_factor(str(setting), values) for setting, *values in fields["factors"]]
        return make_plan(recipe, factors, int(fields["seeds"]))
    return make_search(
        recipe,
        [make_dimension(str(setting), values) for setting, *values in fields["search"]],
        runs=int(fields["runs"]),
        minutes=float(fields["minutes"]),
        pruning=fields["pruning"],
        parallel=int(fields["parallel"]),
    )
