"""The fields of a search: which settings, in which bounds, and with what budget."""

from typing import Any

import streamlit as st

from core.experiments.search import (
    DEFAULT_SEARCH_RUNS,
    MAX_DIMENSIONS,
    MAX_SEARCH_MINUTES,
    MAX_SEARCH_RUNS,
    MIN_SEARCH_RUNS,
    PRUNINGS,
    Search,
    make_dimension,
    make_search,
)
from core.experiments.settings import VARIABLE_SETTINGS, VariableSetting, suggested_bounds
from core.recipes.descriptions import GLOSSARY
from core.recipes.recipe import Recipe
from core.runs.permissions import Limits
from core.utils.errors import RecipeError
from pages.widgets.shared.markdown import plain

_SETTINGS, _RUNS, _MINUTES = "search-settings", "search-runs", "search-minutes"
_PRUNING, _PARALLEL = "search-pruning", "search-parallel"
_LOW, _HIGH, _CHOICES = "search-low-{}", "search-high-{}", "search-choices-{}"
_FIRST_SETTINGS = ["optimizer.learning_rate", "batch_size"]
_PRUNING_HELP = (
    "Pruning ends a training after an epoch in which it is worse than most of the others were at "
    "that epoch, so the time goes to better ones. Successive halving lets the best third go on "
    "after epoch 1, 3, 9 ...; Hyperband also lets some trainings be judged later, for settings "
    "that start slowly and end well."
)


def search_fields(recipe: Recipe, limits: Limits) -> Search | None:
    """Draw the fields, and return the search that they describe; None if they describe none.

    Args:
        recipe: what is not searched.
        limits: the server's limits.
    """
    names = st.multiselect(
        "Settings to search",
        list(VARIABLE_SETTINGS),
        default=None if _SETTINGS in st.session_state else _FIRST_SETTINGS,
        format_func=lambda name: VARIABLE_SETTINGS[name].label,
        max_selections=MAX_DIMENSIONS,
        key=_SETTINGS,
        persist_state="session",
        placeholder=f"Up to {MAX_DIMENSIONS}",
        help="The search proposes their values: at random at first, then near those that reached "
        "a low validation loss (TPE, the tree-structured Parzen estimator).",
    )
    # All fields are drawn before any value is judged: a wrong one must not take the others away.
    drawn = [(name, _bounds(VARIABLE_SETTINGS[name], recipe)) for name in names]
    _budget(limits)
    session = st.session_state
    try:
        return make_search(
            recipe,
            [make_dimension(name, values) for name, values in drawn],
            runs=session[_RUNS] or DEFAULT_SEARCH_RUNS,
            minutes=session[_MINUTES] or 0,
            pruning=session[_PRUNING],
            parallel=session.get(_PARALLEL, limits.trainings),
        )
    except RecipeError as error:
        st.warning(plain(str(error)), icon=":material/block:")
        return None


def follow_search(search: Search) -> None:
    """Fill the fields with a search from a link; before they are drawn."""
    session = st.session_state
    session[_SETTINGS] = list(search.settings)
    session[_RUNS], session[_MINUTES] = search.runs, search.minutes
    session[_PRUNING], session[_PARALLEL] = search.pruning, search.parallel
    for dimension in search.dimensions:
        setting, name = dimension.variable, dimension.setting
        if setting.choices:
            session[_CHOICES.format(name)] = list(dimension.values)
        else:
            low, high = map(setting.text, dimension.values)
            session[_LOW.format(name)], session[_HIGH.format(name)] = low, high


def _bounds(setting: VariableSetting, recipe: Recipe) -> list[Any]:
    """Draw the fields of a setting, and return its bounds or its choices."""
    help_text = GLOSSARY[setting.name]
    session = st.session_state
    if setting.choices:
        key = _CHOICES.format(setting.name)
        chosen: list[Any] = st.multiselect(
            setting.label,
            setting.choices,
            default=None if key in session else list(setting.choices),
            format_func=setting.text,
            key=key,
            persist_state="session",
            help=help_text,
        )
        return chosen
    typed: list[Any] = []
    suggested = suggested_bounds(setting, recipe)
    labels = ("lowest", "highest")
    for column, key, label, value in zip(
        st.columns(2), (_LOW, _HIGH), labels, suggested, strict=True
    ):
        name = key.format(setting.name)
        session.setdefault(name, setting.text(value))
        typed.append(
            column.text_input(
                f"{setting.label}, {label}",
                key=name,
                persist_state="session",
                help=f"{help_text} From {setting.low:.10g} to {setting.high:.10g}.",
            ).strip()
        )
    return typed


def _budget(limits: Limits) -> None:
    session = st.session_state
    most = min(MAX_SEARCH_RUNS, limits.experiment_runs)
    runs, minutes, pruning = st.columns(3)
    runs.number_input(
        "Trainings",
        MIN_SEARCH_RUNS,
        max(most, MIN_SEARCH_RUNS),
        min(session.get(_RUNS) or DEFAULT_SEARCH_RUNS, most),
        key=_RUNS,
        persist_state="session",
        help="The first third, at most ten, is drawn at random.",
    )
    minutes.number_input(
        "Minutes of training",
        0.0,
        float(MAX_SEARCH_MINUTES),
        float(session.get(_MINUTES) or 0),
        step=5.0,
        format="%.0f",
        key=_MINUTES,
        persist_state="session",
        help="No training begins after so many minutes. 0: all of them are trained.",
    )
    pruning.selectbox(
        "Pruning",
        PRUNINGS,
        PRUNINGS.index(session.get(_PRUNING) or "successive halving"),
        key=_PRUNING,
        persist_state="session",
        help=_PRUNING_HELP,
    )
