"""The settings form: from a preset, a run or a link to a recipe, on two levels."""

import streamlit as st

from core.recipes.presets import FAST, PRESETS
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.permissions import Limits, check_limits, fit_to_limits, is_shipped, shown_name
from core.runs.run import Run
from core.utils.errors import DigitscopeError, RecipeError, RunError
from pages.widgets.shared.markdown import plain
from pages.widgets.train.settings_data_and_training import augmentation, data, training
from pages.widgets.train.settings_network import layers
from pages.widgets.train.settings_simple import simple
from pages.widgets.train.settings_state import (
    follow_link,
    open_file,
    recipe_of,
    start_from,
    start_from_preset,
    state,
    undo,
    write_link,
)

_LEVELS = ("Simple", "Everything")
_PRESET, _RUN = "settings-preset", "settings-run"
_FILES = "settings-files"


def settings(allowed: Limits) -> Recipe | None:
    """Draw the form and return the recipe that is set; the page's link holds it too.

    None if the settings do not fit together; then the form says why, and keeps them. A recipe whose
    network is larger than the server allows is returned, and the form says that too.
    """
    # Streamlit forgets the widgets that a run does not draw.
    current = follow_link(allowed, was_shown=_PRESET in st.session_state)
    # Messages have a place of their own: what comes below must not move, or it is drawn anew.
    message = st.container()
    if current.problem:
        message.warning(plain(current.problem), icon=":material/warning:")
    _start(allowed)
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        level = st.segmented_control(
            "How much to set",
            _LEVELS,
            default=_LEVELS[0],
            required=True,
            key="settings-level",
            persist_state="session",
            label_visibility="collapsed",
        )
        _from_file(allowed)
    with st.container():
        recipe = _checked(allowed)
    if level == _LEVELS[0]:
        simple(allowed)
    else:
        _everything(allowed)
    if recipe:
        write_link(recipe, allowed)
    return recipe


def origin() -> str:
    """The preset or run that the settings were started from; empty for a link's or a file's."""
    return state().origin


def _checked(allowed: Limits) -> Recipe | None:
    """The recipe that is set; says what is wrong with it, if anything is."""
    try:
        recipe = state().draft.recipe()
    except RecipeError as error:
        st.error(plain(str(error)), icon=":material/block:")
        st.button("Back to the last settings that worked", icon=":material/undo:", on_click=undo)
        return None
    state().valid = recipe
    try:
        check_limits(recipe, allowed)
    except RecipeError as error:
        st.error(plain(str(error)), icon=":material/block:")
    return recipe


def _start(allowed: Limits) -> None:
    """Choose what to start from: a preset, or a run that is there."""
    current = state()
    others = {run.id: run for run in _runs()}
    both = st.grid(min_column_width=300, gap=("small", "medium"))
    _give(_PRESET, current.origin if current.origin in PRESETS else None)
    if others:
        _give(_RUN, current.origin if current.origin in others else None)
    with both:
        st.pills(
            "Start from a preset",
            list(PRESETS),
            key=_PRESET,
            wrap=True,
            on_change=_preset,
            args=(allowed,),
        )
        if others:
            st.selectbox(
                "or train a run again, changed",
                list(others),
                index=None,
                format_func=lambda name: _name(others[name]),
                placeholder="Choose a run",
                key=_RUN,
                on_change=_run,
                args=(allowed,),
            )
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.caption(_about(current.origin, current.file), width="stretch")
        if current.origin:
            # Always there: what is below must not move when the first setting is changed.
            st.button(
                # A run's name stands in the caption; here it could be too long for one line.
                f"Back to {current.origin if current.origin in PRESETS else 'this run'}",
                icon=":material/restart_alt:",
                type="tertiary",
                key="settings-restart",
                disabled=not _differs(current.origin, allowed),
                on_click=_restart,
                args=(allowed,),
            )


def _from_file(allowed: Limits) -> None:
    """Open a recipe that was taken away.

    The file is taken over once, and the uploader that held it replaced by an empty one, or it
    would be there still when the settings are no longer those of the file.
    """
    opened: int = st.session_state.setdefault(_FILES, 0)
    key = f"{_FILES}-{opened}"
    with st.popover(
        "Open a recipe", icon=":material/file_open:", type="tertiary", key=f"{key}-folded"
    ):
        st.file_uploader(
            "A recipe that was taken away",
            type="json",
            max_upload_size=1,
            help="The file recipe.json, of a downloaded run or from “Take it away as code”. All "
            "settings become those of the file.",
            key=key,
            on_change=_open,
            args=(key, allowed),
        )


def _open(key: str, allowed: Limits) -> None:
    file = st.session_state[key]
    if file is not None:
        open_file(file.name, file.getvalue(), allowed)
        st.session_state[_FILES] += 1


def _name(run: Run) -> str:
    """What a run is called, in words that no other run has: several may bear one title."""
    title = shown_name(run)
    return title if title == run.id else f"{title} ({run.id})"


def _runs() -> list[Run]:
    """The runs that are not presets already, newest first."""
    found = [run for run in registry.list_runs() if isinstance(run, Run) and not is_shipped(run)]
    return sorted(found, key=lambda run: run.info.created, reverse=True)


def _give(key: str, value: str | None) -> None:
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value


def _preset(allowed: Limits) -> None:
    """A preset was pressed; the pressed one again is none, and means: as it was."""
    start_from_preset(st.session_state[_PRESET] or state().origin, allowed)


def _run(allowed: Limits) -> None:
    """A run was chosen, or taken out: then from what a newcomer starts from."""
    name = st.session_state[_RUN]
    if name:
        _take_over(name, allowed)
    else:
        start_from_preset(FAST.name, allowed)


def _restart(allowed: Limits) -> None:
    if state().origin in PRESETS:
        start_from_preset(state().origin, allowed)
    else:
        _take_over(state().origin, allowed)


def _take_over(name: str, allowed: Limits) -> None:
    try:
        start_from(fit_to_limits(recipe_of(name), allowed), name)
    except DigitscopeError as error:  # deleted in another tab
        state().problem = f"{name} can no longer be started from. {error}"


def _about(origin: str, file: str) -> str:
    if origin in PRESETS:
        return PRESETS[origin].about
    if origin:
        tuned = _fine_tuned(origin)
        if tuned:
            return (
                f"The run {plain(origin)} was fine-tuned on digits of a visitor's own; these are "
                f"the settings by which {plain(tuned)} was trained from nothing before."
            )
        return f"The settings of the run {plain(origin)}."
    return f"The settings of the file {plain(file)}." if file else "The settings of the link."


def _fine_tuned(origin: str) -> str:
    """The run that a fine-tuned one began with; empty if it is none, or gone."""
    try:
        found = registry.find_run(origin).info.provenance.fine_tuned
    except RunError:
        return ""
    return found.parent if found else ""


def _differs(origin: str, allowed: Limits) -> bool:
    """Whether the settings are no longer those of the preset (on any dataset) or the run."""
    try:
        start = fit_to_limits(recipe_of(origin), allowed)
        recipe = state().draft.recipe()
    except DigitscopeError:
        return True
    return recipe != (start.changed(dataset=recipe.dataset) if origin in PRESETS else start)


def _everything(allowed: Limits) -> None:
    network, learning, digits, changes = st.tabs(
        ["Network", "Training", "Data and validation", "Augmentation"], key="settings-part"
    )
    with network:
        layers()
    with learning:
        training(allowed)
    with digits:
        data(allowed)
    with changes:
        augmentation()
