"""The settings form: starts from a preset, a run, a link or a file; has two levels."""

import streamlit as st

from core.recipes.presets import FAST, PRESETS
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.permissions import Limits, check_limits, fit_to_limits, is_shipped, shown_name
from core.runs.run import Run
from core.utils.errors import DigitscopeError, RecipeError
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


def settings(limits: Limits) -> Recipe | None:
    """Draw the form, and write its recipe into the page's link.

    Args:
        limits: the server's limits.

    Returns:
        The recipe; None if the settings contradict each other, which the form explains. A recipe
        beyond the server's limits is returned, with an error on the form.
    """
    # Streamlit forgets the widgets that a run does not draw.
    current = follow_link(limits, was_shown=_PRESET in st.session_state)
    # Messages have a container of their own, so that the widgets below keep their positions.
    message = st.container()
    if current.problem:
        message.warning(plain(current.problem), icon=":material/warning:")
    _start(limits)
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        level = st.segmented_control(
            "Level of detail",
            _LEVELS,
            default=_LEVELS[0],
            required=True,
            key="settings-level",
            persist_state="session",
            label_visibility="collapsed",
        )
        _from_file(limits)
    with st.container():
        recipe = _checked(limits)
    if level == _LEVELS[0]:
        simple(limits)
    else:
        _everything(limits)
    if recipe:
        write_link(recipe, limits)
    return recipe


def origin() -> str:
    """Return the preset or run that the settings started from; empty for a link or a file."""
    return state().origin


def _checked(limits: Limits) -> Recipe | None:
    """Return the recipe of the draft, and draw what is wrong with it."""
    try:
        recipe = state().draft.recipe()
    except RecipeError as error:
        st.error(plain(str(error)), icon=":material/block:")
        st.button("Restore the last valid settings", icon=":material/undo:", on_click=undo)
        return None
    state().valid = recipe
    try:
        check_limits(recipe, limits)
    except RecipeError as error:
        st.error(plain(str(error)), icon=":material/block:")
    return recipe


def _start(limits: Limits) -> None:
    """Draw the choice of a preset or a run to start from."""
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
            args=(limits,),
        )
        if others:
            st.selectbox(
                "or from a run",
                list(others),
                index=None,
                format_func=lambda name: _name(others[name]),
                placeholder="Choose a run",
                key=_RUN,
                on_change=_run,
                args=(limits,),
            )
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.caption(_about(current.origin, current.file), width="stretch")
        if current.origin:
            # Always drawn, so that the widgets below do not move when a setting is changed.
            st.button(
                # A run's name is in the caption; on the button it could be too long.
                f"Back to {current.origin if current.origin in PRESETS else 'this run'}",
                icon=":material/restart_alt:",
                type="tertiary",
                key="settings-restart",
                disabled=not _differs(current.origin, limits),
                on_click=_restart,
                args=(limits,),
            )


def _from_file(limits: Limits) -> None:
    """Draw the upload of a downloaded recipe.

    After a file is read, an empty uploader replaces the one that held it: otherwise the file would
    still stand there when the settings are no longer those of the file.
    """
    opened: int = st.session_state.setdefault(_FILES, 0)
    key = f"{_FILES}-{opened}"
    with st.popover(
        "Open a recipe", icon=":material/file_open:", type="tertiary", key=f"{key}-folded"
    ):
        st.file_uploader(
            "A recipe file",
            type="json",
            max_upload_size=1,
            help="The file recipe.json, of a downloaded run or from “Export as code”. All "
            "settings become those of the file.",
            key=key,
            on_change=_open,
            args=(key, limits),
        )


def _open(key: str, limits: Limits) -> None:
    file = st.session_state[key]
    if file is not None:
        open_file(file.name, file.getvalue(), limits)
        st.session_state[_FILES] += 1


def _name(run: Run) -> str:
    """Return a unique name of a run: several may have the same title."""
    title = shown_name(run)
    return title if title == run.id else f"{title} ({run.id})"


def _runs() -> list[Run]:
    """Return the runs that are not presets, newest first."""
    runs = [run for run in registry.list_runs() if isinstance(run, Run) and not is_shipped(run)]
    return sorted(runs, key=lambda run: run.info.created, reverse=True)


def _give(key: str, value: str | None) -> None:
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value


def _preset(limits: Limits) -> None:
    """Start from the pressed preset; pressing the chosen one again restores its settings."""
    start_from_preset(st.session_state[_PRESET] or state().origin, limits)


def _run(limits: Limits) -> None:
    """Start from the chosen run; if the choice was cleared, from the default preset."""
    name = st.session_state[_RUN]
    if name:
        _take_over(name, limits)
    else:
        start_from_preset(FAST.name, limits)


def _restart(limits: Limits) -> None:
    if state().origin in PRESETS:
        start_from_preset(state().origin, limits)
    else:
        _take_over(state().origin, limits)


def _take_over(name: str, limits: Limits) -> None:
    try:
        start_from(fit_to_limits(recipe_of(name), limits), name)
    except DigitscopeError as error:  # deleted in another tab
        state().problem = f"{name} can no longer be started from. {error}"


def _about(origin: str, file: str) -> str:
    if origin in PRESETS:
        return PRESETS[origin].about
    if origin:
        if began := _began_with(origin):
            return began
        return f"The settings of the run {plain(origin)}."
    return f"The settings of the file {plain(file)}." if file else "The settings of the link."


def _began_with(origin: str) -> str:
    """Return the sentence about a run that began with another one's network, for Markdown."""
    try:
        provenance = registry.find_run(origin).info.provenance
    except DigitscopeError:
        return ""
    if provenance.fine_tuned:
        how, parent = "was fine-tuned on digits of a visitor's own", provenance.fine_tuned.parent
    elif provenance.pseudo_labeled:
        how, parent = "went on with pseudo-labels", provenance.pseudo_labeled.parent
    else:
        return ""
    return (
        f"The run {plain(origin)} {how}; these are the settings by which {plain(parent)} was "
        "trained from nothing before."
    )


def _differs(origin: str, limits: Limits) -> bool:
    """Whether the settings differ from those of the preset (on any dataset) or the run."""
    try:
        recipe = state().draft.recipe()
        start = PRESETS[origin].on(recipe.dataset) if origin in PRESETS else recipe_of(origin)
    except DigitscopeError:
        return True
    return recipe != fit_to_limits(start, limits)


def _everything(limits: Limits) -> None:
    network, learning, digits, changes = st.tabs(
        ["Network", "Training", "Data and validation", "Augmentation"], key="settings-part"
    )
    with network:
        layers()
    with learning:
        training(limits)
    with digits:
        data(limits)
    with changes:
        augmentation()
