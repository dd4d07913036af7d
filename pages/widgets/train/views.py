"""Which part of the training page is shown, and which training it watches (`?training=ID`)."""

import streamlit as st

from core.jobs import scheduler
from core.runs import registry
from core.runs.permissions import is_mine
from core.runs.run import Run

SET_UP, WATCH, ALL_RUNS = "Set up", "Watch", "All runs"
TRAINING = "training"
_TO_SET_UP = ("from", "preset")
_RECIPE = "recipe"
_VIEW = "train-view"
_WATCHED = "train-watched"
_LAST_LINK = "train-last-link"


def pick_view(token: str) -> str:
    """Draw the choice of the view, and give it; a link that was followed decides it anew."""
    state, link = st.session_state, st.query_params
    asked = link.get(TRAINING)
    if asked and asked != state.get(_LAST_LINK):
        state[_VIEW], state[_WATCHED] = WATCH, asked
    elif any(name in link for name in _TO_SET_UP):
        state[_VIEW] = SET_UP
    state.setdefault(_VIEW, SET_UP)
    view = st.segmented_control(
        "View",
        [SET_UP, WATCH, ALL_RUNS],
        required=True,
        key=_VIEW,
        persist_state="session",
        label_visibility="collapsed",
    )
    _write_link(view or SET_UP, watched(token) if view == WATCH else None)
    return view or SET_UP


def watch_next(run: Run) -> None:
    """Show this training from the next run of the script on: for a callback, or before a rerun."""
    st.session_state[_WATCHED] = run.id
    st.query_params[TRAINING] = run.id
    st.session_state.pop(_LAST_LINK, None)


def show_all_runs() -> None:
    """Show the list of runs: for a callback."""
    st.session_state[_VIEW] = ALL_RUNS


def forget(run_id: str) -> None:
    """Watch this training no longer, because it is gone."""
    if st.session_state.get(_WATCHED) == run_id:
        del st.session_state[_WATCHED]


def watched(token: str) -> str | None:
    """The id of the training to watch, if it was not chosen: what runs, else the visitor's last."""
    chosen: str | None = st.session_state.get(_WATCHED)
    if chosen:
        return chosen
    going_on = [*scheduler.running(), *scheduler.queue()]
    if going_on:
        return going_on[0].id
    mine = [run for run in registry.list_runs() if isinstance(run, Run) and is_mine(run, token)]
    return max(mine, key=lambda run: run.info.created).id if mine else None


def _write_link(view: str, run_id: str | None) -> None:
    before = st.query_params.to_dict()
    # All at once: each change of the link is a step of the browser's Back.
    link = {name: value for name, value in before.items() if name != TRAINING}
    if view != SET_UP:
        link.pop(_RECIPE, None)
    if run_id:
        link[TRAINING] = run_id
    if link != before:
        st.query_params.from_dict(link)
    st.session_state[_LAST_LINK] = run_id
