"""The settings that a visitor is changing: one draft in the session, and the link that holds it.

The draft is the single source of truth. Widgets show it and change it in callbacks, before the
page is drawn, so everything that is drawn and returned belongs to one state.
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
from pages.widgets.shared.url_state import displayable

RECIPE, PRESET, RUN = "recipe", "preset", "from"
_KEY = "settings"
# Seconds. A browser that was sent a new link may send one more message with the old one.
_LAG_S = 1.0
_REMEMBERED = 200
_LONGEST = 300
"""Characters of a message that quotes a link or a file."""
_LONGEST_NAME = 60


@dataclass
class State:
    """A visitor's settings, and where they come from."""

    draft: Draft
    valid: Recipe
    """The last valid settings."""
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
    """Return this visitor's settings; `follow_link` must have been called before."""
    current: State = st.session_state[_KEY]
    return current


def default_recipe(limits: Limits) -> Recipe:
    """Return the default settings: the fast network on the sample of MNIST."""
    return fit_to_limits(FAST.on("mnist-sample"), limits)


def change(draft: Draft) -> None:
    """Replace the draft; for callbacks."""
    current = state()
    current.draft, current.changed, current.problem = draft, True, ""


def start_from(recipe: Recipe, origin: str) -> None:
    """Replace all settings by those of a preset or a run; for callbacks."""
    change(Draft.from_recipe(recipe))
    current = state()
    current.valid, current.origin, current.file, current.selected = recipe, origin, "", 0


def start_from_preset(name: str, limits: Limits) -> None:
    """Start from a preset, but keep the dataset, on which the duration depends; for callbacks."""
    dataset = state().draft.get("dataset")
    start_from(fit_to_limits(PRESETS[name].on(dataset), limits), name)


def on_dataset(draft: Draft, dataset: str, limits: Limits) -> Draft:
    """Return the draft with another dataset.

    A preset may see the digits of the sample more often: while its number of epochs was not
    changed, that of the other dataset takes its place, within the limits.
    """
    preset = PRESETS.get(state().origin)
    before, after = (
        fit_to_limits(preset.on(name), limits).epochs if preset else None
        for name in (draft.get("dataset"), dataset)
    )
    draft = draft.with_setting("dataset", dataset)
    return draft.with_setting("epochs", after) if draft.get("epochs") == before else draft


def open_file(name: str, content: bytes, limits: Limits) -> None:
    """Start from the recipe in a file, or store what is wrong with it; for callbacks."""
    try:
        recipe = recipe_from_file(content)
    except RecipeError as error:
        state().problem = f"{_cut(error, _LONGEST)} {_kept(limits)}"
        return
    _adopt(recipe, _preset_of(recipe), limits)
    state().file = _cut(name, _LONGEST_NAME)


def undo() -> None:
    """Restore the last valid settings; for callbacks."""
    change(Draft.from_recipe(state().valid))


def recipe_of(origin: str) -> Recipe:
    """Return the recipe of a preset or a run.

    Raises:
        RunError: if no preset and no run has this name.
    """
    return (
        PRESETS[origin].recipe if origin in PRESETS else registry.find_run(origin).info.from_scratch
    )


def follow_link(limits: Limits, *, was_shown: bool) -> State:
    """Update the visitor's settings from the page's link.

    `?preset=NAME` and `?from=RUN` are followed once and removed from the link. `?recipe=` stays in
    it, and is followed whenever the browser changes it, as with Back. If Back removes it, the
    default settings are restored.

    Args:
        limits: the server's limits.
        was_shown: whether the form was on the page just before. If it was not, a link without a
            recipe comes from another page or view, and means nothing.

    Returns:
        The visitor's settings.
    """
    if _KEY not in st.session_state:
        first = default_recipe(limits)
        st.session_state[_KEY] = State(Draft.from_recipe(first), first, FAST.name)
    current = state()
    for name in (PRESET, RUN):
        if name in st.query_params:
            _follow_origin(name, st.query_params[name], limits)
            for followed in (PRESET, RUN, RECIPE):
                st.query_params.pop(followed, None)
            return current
    link = st.query_params.get(RECIPE)
    if link != current.link and not current.changed and not _lags(link):
        if link is not None:
            _follow_recipe(link, limits)
        elif current.in_link and was_shown:
            start_from(default_recipe(limits), FAST.name)
    current.changed = False
    return current


def write_link(recipe: Recipe, limits: Limits) -> None:
    """Put the recipe into the page's link, unless an empty link means the same."""
    link, current = recipe_to_link(recipe), state()
    shown = st.query_params.get(RECIPE)
    if link != shown and (shown is not None or recipe != default_recipe(limits)):
        st.query_params[RECIPE] = link
        current.link_time = time.monotonic()
    current.link = link
    current.in_link = RECIPE in st.query_params
    current.origins.pop(link, None)
    current.origins[link] = current.origin
    while len(current.origins) > _REMEMBERED:
        del current.origins[next(iter(current.origins))]


def _lags(link: str | None) -> bool:
    current = state()
    is_own_link = link is None or link in current.origins
    return is_own_link and time.monotonic() - current.link_time < _LAG_S


def _follow_origin(kind: str, name: str, limits: Limits) -> None:
    try:
        if kind == PRESET and name not in PRESETS:
            raise RecipeError(
                f"The link asks for a preset “{displayable(name)}” that does not exist. "
                f"The presets are: {', '.join(PRESETS)}."
            )
        if kind == PRESET:
            start_from_preset(name, limits)
        else:
            run = registry.find_run(name)
            _adopt(run.info.from_scratch, name, limits)
            if run.info.members:
                state().problem = (
                    f"The run “{displayable(name)}” is an ensemble and was not trained itself: "
                    f"these are the settings of its first member, {run.info.members[0].id}."
                )
    except RunError:
        state().problem = (
            f"The link asks for the settings of a run “{displayable(name)}” that cannot be read: "
            "it is damaged or not here. Choose another start below."
        )
    except DigitscopeError as error:
        state().problem = str(error)


def _follow_recipe(link: str, limits: Limits) -> None:
    current = state()
    try:
        recipe = recipe_from_link(link)
    except RecipeError as error:
        current.problem = f"{_cut(error, _LONGEST)} {_kept(limits)}"
        return
    _adopt(recipe, current.origins.get(link, _preset_of(recipe)), limits)


def _kept(limits: Limits) -> str:
    """Return the sentence about which settings hold instead of those that could not be read."""
    is_default = state().valid == default_recipe(limits)
    return f"The settings below are {'the usual ones' if is_default else 'those from before'}."


def _adopt(recipe: Recipe, origin: str, limits: Limits) -> None:
    possible = fit_to_limits(recipe, limits)
    start_from(possible, origin)
    beyond = _beyond(recipe, limits)
    if possible != recipe and beyond:
        # The form itself reports what is still beyond the limits.
        remaining = _beyond(possible, limits)
        subject = "This setting was" if remaining else "The settings below were"
        state().problem = f"{beyond} {subject} brought within the limits."


def _beyond(recipe: Recipe, limits: Limits) -> str:
    """Return the sentence about the first limit that a recipe exceeds; empty if there is none."""
    try:
        check_limits(recipe, limits)
    except RecipeError as error:
        return str(error)
    return ""


def _preset_of(recipe: Recipe) -> str:
    """Return the preset with exactly these settings, on any dataset; empty if there is none."""
    for preset in PRESETS.values():
        if preset.on(recipe.dataset) == recipe:
            return preset.name
    return ""


def _cut(message: object, longest: int) -> str:
    """Return a message, shortened to `longest` characters."""
    text = str(message)
    return text if len(text) <= longest else f"{text[:longest]} …"
