"""Which part of the training page is shown, and what it shows there.

`?training=ID` is the training that is watched, `?experiment=ID` the experiment that is open,
`?plan=...` the plan of a new one, and `?show=runs` the list of all runs; it is followed once.
"""

import streamlit as st

from core.jobs import scheduler
from core.runs import registry
from core.runs.permissions import is_mine
from core.runs.run import Run
from pages.widgets.shared.url_state import view_question

_SET_UP, WATCH, EXPERIMENTS, ALL_RUNS = "Set up", "Watch", "Experiments", "All runs"
_QUESTIONS = {
    _SET_UP: "Which network is to learn, and how?",
    WATCH: "How is it learning?",
    EXPERIMENTS: "Is a difference more than chance?",
    ALL_RUNS: "Which runs are there, and which is better?",
}
TRAINING = "training"
_EXPERIMENT, _PLAN = "experiment", "plan"
_TO_SET_UP = ("from", "preset")
_SHOW, _RUNS = "show", "runs"
_RECIPE = "recipe"
_VIEW = "train-view"
_WATCHED = "train-watched"
_LAST_LINK = "train-last-link"
_OPEN_EXPERIMENT = "train-experiment"
_LAST_EXPERIMENT = "train-last-experiment"


def pick_view(token: str) -> str:
    """Draw the choice of the view; a new link overrides the visitor's choice.

    Args:
        token: the visitor's token.

    Returns:
        `_SET_UP`, `WATCH`, `EXPERIMENTS` or `ALL_RUNS`.
    """
    state, link = st.session_state, st.query_params
    requested = link.get(TRAINING)
    if requested and requested != state.get(_LAST_LINK):
        state[_VIEW], state[_WATCHED] = WATCH, requested
    elif any(name in link for name in _TO_SET_UP):
        state[_VIEW] = _SET_UP
    elif link.get(_SHOW) == _RUNS:
        state[_VIEW] = ALL_RUNS
    elif _newly_linked_experiment():
        state[_VIEW] = EXPERIMENTS
    state.setdefault(_VIEW, _SET_UP)
    view = st.segmented_control(
        "View",
        list(_QUESTIONS),
        required=True,
        key=_VIEW,
        persist_state="session",
        label_visibility="collapsed",
    )
    chosen = view or _SET_UP
    view_question(_QUESTIONS[chosen])
    _write_link(chosen, watched(token) if chosen == WATCH else None)
    return chosen


def _newly_linked_experiment() -> bool:
    """Whether the link asks for an experiment, or a plan, that was not shown before."""
    state, link = st.session_state, st.query_params
    asked = link.get(_EXPERIMENT, "")
    if asked and asked != state.get(_LAST_EXPERIMENT):
        state[_OPEN_EXPERIMENT] = state[_LAST_EXPERIMENT] = asked
        return True
    return _PLAN in link and state.get(_VIEW) is None


def chosen_experiment() -> str:
    """Return the id of the experiment that is open; empty for a new one."""
    chosen: str = st.session_state.get(_OPEN_EXPERIMENT, "")
    return chosen


def choose_experiment(experiment_id: str) -> None:
    """Open an experiment, or a new one if the id is empty; for callbacks."""
    st.session_state[_OPEN_EXPERIMENT] = st.session_state[_LAST_EXPERIMENT] = experiment_id
    st.query_params.pop(_PLAN, None)
    if experiment_id:
        st.query_params[_EXPERIMENT] = experiment_id
    else:
        st.query_params.pop(_EXPERIMENT, None)


def open_plan(link: str) -> None:
    """Open a new experiment with the plan of a link; for callbacks."""
    choose_experiment("")
    st.query_params[_PLAN] = link


def show_set_up() -> None:
    """Open the settings; for callbacks."""
    st.session_state[_VIEW] = _SET_UP


def watch_next(run: Run) -> None:
    """Show this training from the next rerun on; for a callback, or before a rerun."""
    st.session_state[_WATCHED] = run.id
    st.query_params[TRAINING] = run.id
    st.session_state.pop(_LAST_LINK, None)


def show_watch(run: Run) -> None:
    """Open the view that watches this run; for a callback."""
    st.session_state[_VIEW] = WATCH
    watch_next(run)


def show_all_runs() -> None:
    """Show the list of runs; for a callback."""
    st.session_state[_VIEW] = ALL_RUNS


def forget(run_id: str) -> None:
    """Stop watching a training that was deleted."""
    if st.session_state.get(_WATCHED) == run_id:
        del st.session_state[_WATCHED]


def watched(token: str) -> str | None:
    """Return the id of the training to watch: the chosen, a running, or the visitor's last one."""
    chosen: str | None = st.session_state.get(_WATCHED)
    if chosen:
        return chosen
    active = [*scheduler.running(), *scheduler.queue()]
    if active:
        return active[0].id
    visitor_runs = [
        run for run in registry.list_runs() if isinstance(run, Run) and is_mine(run, token)
    ]
    return max(visitor_runs, key=lambda run: run.info.created).id if visitor_runs else None


def _write_link(view: str, run_id: str | None) -> None:
    before = st.query_params.to_dict()
    # All at once: each change of the link is a step of the browser's Back.
    shown = {TRAINING, _EXPERIMENT, _SHOW, *([] if view == EXPERIMENTS else [_PLAN])}
    link = {name: value for name, value in before.items() if name not in shown}
    if view != _SET_UP:
        link.pop(_RECIPE, None)
    if run_id:
        link[TRAINING] = run_id
    if view == EXPERIMENTS and chosen_experiment() and _PLAN not in link:
        link[_EXPERIMENT] = chosen_experiment()
    if link != before:
        st.query_params.from_dict(link)
    st.session_state[_LAST_LINK] = run_id
