"""The settings that a visitor is changing: one draft in the session, and the link that holds it.

The draft is the only truth. Widgets show it and change it through callbacks, before the page is
drawn, so whatever is drawn and returned is of one state.
"""

import time
from dataclasses import dataclass, field

import streamlit as st

from core.recipes.draft import Draft
from core.recipes.presets import FAST, PRESETS
from core.recipes.recipe import Recipe, recipe_from_file, recipe_from_link, recipe_to_link
from core.runs import registry
from core.runs.permissions import Limits, check_limits, fit_to_limits
from core.utils.errors import DigitscopeError, RecipeError, RunError

RECIPE, PRESET, RUN = "recipe", "preset", "from"
_KEY = "settings"
# A browser that is asked to show a new link may send one more message with the link before it.
_LAG_S = 1.0
_REMEMBERED = 200
_LONGEST = 300
"""Characters of a sentence that repeats what a stranger wrote."""
_LONGEST_NAME = 60


@dataclass
class State:
    """A visitor's settings, and what is known about where they come from."""

    draft: Draft
    valid: Recipe
    """The last settings that fitted together."""
    origin: str = ""
    """The preset or run that was started from; empty if a link or a file gave the settings."""
    file: str = ""
    """The name of the file that gave the settings, if one did."""
    problem: str = ""
    """What is wrong with the link or the file, until something else is chosen."""
    changed: bool = False
    """Whether a widget changed the draft just before this drawing."""
    selected: int = 0
    """The block that is open for changes."""
    link: str | None = None
    link_time: float = 0.0
    in_link: bool = False
    """Whether the link held the settings when the form was last drawn."""
    origins: dict[str, str] = field(default_factory=dict)
    """The links that were written, newest last, and where their settings came from."""


def state() -> State:
    """This visitor's settings, after `follow_link`."""
    found: State = st.session_state[_KEY]
    return found


def default_recipe(allowed: Limits) -> Recipe:
    """What a newcomer finds: the fast network on the digits that are always there."""
    return fit_to_limits(FAST.recipe.changed(dataset="mnist-sample"), allowed)


def change(draft: Draft) -> None:
    """Take a changed draft over; for callbacks."""
    current = state()
    current.draft, current.changed, current.problem = draft, True, ""


def start_from(recipe: Recipe, origin: str) -> None:
    """Take over all settings of a preset or a run; for callbacks."""
    change(Draft.of(recipe))
    current = state()
    current.valid, current.origin, current.file, current.selected = recipe, origin, "", 0


def start_from_preset(name: str, allowed: Limits) -> None:
    """Take over a preset, but for the dataset: how long to wait is another question."""
    dataset = state().draft.get("dataset")
    start_from(fit_to_limits(PRESETS[name].recipe.changed(dataset=dataset), allowed), name)


def open_file(name: str, content: bytes, allowed: Limits) -> None:
    """Take over the recipe in a file, or say what is wrong with it; for callbacks."""
    try:
        recipe = recipe_from_file(content)
    except RecipeError as error:
        state().problem = f"{_cut(error, _LONGEST)} {_kept(allowed)}"
        return
    _adopt(recipe, _preset_of(recipe), allowed)
    state().file = _cut(name, _LONGEST_NAME)


def undo() -> None:
    """Go back to the last settings that fitted together; for callbacks."""
    change(Draft.of(state().valid))


def recipe_of(origin: str) -> Recipe:
    """The recipe of a preset or a run. Raises RunError if there is neither of that name."""
    return (
        PRESETS[origin].recipe if origin in PRESETS else registry.find_run(origin).info.from_scratch
    )


def follow_link(allowed: Limits, *, was_shown: bool) -> State:
    """The visitor's settings, taken from the link if it asks for others than before.

    `?preset=NAME` and `?from=RUN` are taken over once and leave the link; `?recipe=` stays in it
    and is followed whenever it changes by itself, as with the browser's Back. It also changes when
    it goes, if the form was there to be seen just before (`was_shown`): then the first change was
    taken back. Other pages and views have links without settings, which mean nothing.
    """
    if _KEY not in st.session_state:
        first = default_recipe(allowed)
        st.session_state[_KEY] = State(Draft.of(first), first, FAST.name)
    current = state()
    for name in (PRESET, RUN):
        if name in st.query_params:
            _follow_origin(name, st.query_params[name], allowed)
            for followed in (PRESET, RUN, RECIPE):
                st.query_params.pop(followed, None)
            return current
    asked = st.query_params.get(RECIPE)
    if asked != current.link and not current.changed and not _lags(asked):
        if asked is not None:
            _follow_recipe(asked, allowed)
        elif current.in_link and was_shown:
            start_from(default_recipe(allowed), FAST.name)
    current.changed = False
    return current


def write_link(recipe: Recipe, allowed: Limits) -> None:
    """Put the recipe into the page's link, unless an empty link means the same."""
    link, current = recipe_to_link(recipe), state()
    shown = st.query_params.get(RECIPE)
    if link != shown and (shown is not None or recipe != default_recipe(allowed)):
        st.query_params[RECIPE] = link
        current.link_time = time.monotonic()
    current.link = link
    current.in_link = RECIPE in st.query_params
    current.origins.pop(link, None)
    current.origins[link] = current.origin
    while len(current.origins) > _REMEMBERED:
        del current.origins[next(iter(current.origins))]


def _lags(asked: str | None) -> bool:
    current = state()
    known = asked is None or asked in current.origins
    return known and time.monotonic() - current.link_time < _LAG_S


def _follow_origin(kind: str, name: str, allowed: Limits) -> None:
    try:
        if kind == PRESET and name not in PRESETS:
            raise RecipeError(
                f"The link asks for a preset “{_harmless(name)}” that does not exist. "
                f"The presets are: {', '.join(PRESETS)}."
            )
        if kind == PRESET:
            start_from_preset(name, allowed)
        else:
            _adopt(registry.find_run(name).info.from_scratch, name, allowed)
    except RunError:
        state().problem = (
            f"The link asks for the settings of a run “{_harmless(name)}” that cannot be read: "
            "it is damaged or not here. Choose another start below."
        )
    except DigitscopeError as error:
        state().problem = str(error)


def _follow_recipe(asked: str, allowed: Limits) -> None:
    current = state()
    try:
        recipe = recipe_from_link(asked)
    except RecipeError as error:
        current.problem = f"{_cut(error, _LONGEST)} {_kept(allowed)}"
        return
    _adopt(recipe, current.origins.get(asked, _preset_of(recipe)), allowed)


def _kept(allowed: Limits) -> str:
    """What holds instead of settings that could not be taken."""
    usual = state().valid == default_recipe(allowed)
    return f"The settings below are {'the usual ones' if usual else 'those from before'}."


def _adopt(recipe: Recipe, origin: str, allowed: Limits) -> None:
    possible = fit_to_limits(recipe, allowed)
    start_from(possible, origin)
    beyond = _beyond(recipe, allowed)
    if possible != recipe and beyond:
        # What is still beyond them, the form says by itself.
        left = _beyond(possible, allowed)
        what = "This setting was" if left else "The settings below were"
        state().problem = f"{beyond} {what} brought within the limits."


def _beyond(recipe: Recipe, allowed: Limits) -> str:
    """The sentence about the first limit that a recipe passes; empty if there is none."""
    try:
        check_limits(recipe, allowed)
    except RecipeError as error:
        return str(error)
    return ""


def _preset_of(recipe: Recipe) -> str:
    """The preset with exactly these settings, on whatever dataset; empty if there is none."""
    for preset in PRESETS.values():
        if preset.recipe.changed(dataset=recipe.dataset) == recipe:
            return preset.name
    return ""


def _cut(what: object, longest: int) -> str:
    """What is said, and no more of it than can be read."""
    text = str(what)
    return text if len(text) <= longest else f"{text[:longest]} …"


def _harmless(text: str) -> str:
    """What is left of a stranger's text when only a name's characters are kept, and not many."""
    return "".join(char for char in text[:40] if char.isalnum() or char in "-_")
