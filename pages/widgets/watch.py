"""The training page's second view: one training, live or over, for whoever has its link."""

from contextlib import suppress

import streamlit as st

from core import jobs, runs
from core.errors import DigitscopeError, RunError
from core.job_card import shown_name
from core.limits import Limits
from core.live import follow
from core.runs import Run
from pages.widgets.next_steps import next_steps
from pages.widgets.train_view import forget, show_all_runs
from pages.widgets.watch_answers import answers
from pages.widgets.watch_chart import PLAINLY, Drawn, chart_options
from pages.widgets.watch_live import guided_part, live_part
from pages.widgets.watch_queue import queue_part
from pages.widgets.words import plain

ALIVE = {"queued", "starting", "running", "stopping", "interrupted"}
# A little less than a second: drawing takes time too, and one update a second is to hold.
LIVE_EVERY_S = 0.8
# What changes with an epoch, or by hand: drawing it oftener would take time from the training.
SELDOM_EVERY_S = 4.0
# Somebody may continue a training that is over, in another tab.
ENDED_EVERY_S = 5.0


def watch(run_id: str | None, token: str, allowed: Limits) -> None:
    """Draw the training; while it goes on, its parts draw themselves anew."""
    if run_id is None:
        st.info(
            "Nothing is being trained here, and you have trained nothing yet. Choose “Set up” and "
            "press Train; or look at how a shipped run learnt, under “All runs”.",
            icon=":material/show_chart:",
        )
        return
    try:
        run = runs.find(run_id)
    except DigitscopeError as error:
        _gone(run_id, error)
        return
    state = jobs.state(run).name
    alive, drawn = state in ALIVE, _has_curves(run, state)
    st.subheader(plain(shown_name(run)), anchor=False)
    st.caption(_about(run))
    often, seldom = (LIVE_EVERY_S, SELDOM_EVERY_S) if alive else (None, None)
    st.fragment(_guided, run_every=seldom)(run_id, token, allowed)
    moving = st.container()
    # Below the curves that they change, but known before.
    options = chart_options(run) if drawn else PLAINLY
    with moving:
        st.fragment(_live, run_every=often)(run_id, options, alive, drawn)
    if alive:
        st.fragment(_queue, run_every=seldom)(run_id, token)
    st.fragment(_answers, run_every=seldom)(run_id)
    if not alive:
        next_steps(run, token, allowed)
        st.fragment(_taken_up, run_every=ENDED_EVERY_S)(run_id, state)


def _gone(run_id: str, error: DigitscopeError) -> None:
    st.error(plain(str(error)), icon=":material/link_off:")
    st.write("Choose among the runs that are here, or “Set up” above to train one.")
    st.button("All runs", icon=":material/list:", on_click=show_all_runs, key="watch-all-runs")
    if isinstance(error, RunError):
        forget(run_id)


def _has_curves(run: Run, state: str) -> bool:
    """Whether there are curves, which a visitor may want drawn in another way."""
    live = follow(run.folder)
    live.update()
    return live.started is not None and state != "queued"


def _about(run: Run) -> str:
    recipe = run.info.recipe
    start = f"from {plain(run.info.preset)}, " if run.info.preset else ""
    return (
        f"{start}on {recipe.dataset}, {recipe.epochs} epochs, "
        f"{recipe.architecture.parameters:,} parameters"
    )


def _guided(run_id: str, token: str, allowed: Limits) -> None:
    with suppress(DigitscopeError):  # the part below says it
        run = runs.find(run_id)
        guided_part(run, jobs.state(run), token, allowed)


def _live(run_id: str, options: Drawn, was_alive: bool, had_curves: bool) -> None:
    try:
        run = runs.find(run_id)
    except DigitscopeError:
        st.rerun()  # the page says what became of it
    state = jobs.state(run)
    live_part(run, state, options)
    if (state.name in ALIVE, _has_curves(run, state.name)) != (was_alive, had_curves):
        st.rerun()


def _queue(run_id: str, token: str) -> None:
    with suppress(DigitscopeError):
        queue_part(jobs.state(runs.find(run_id)), token)


def _answers(run_id: str) -> None:
    try:
        run = runs.find(run_id)
        answers(run, live=jobs.state(run).name in {"running", "stopping"})
    except DigitscopeError as error:
        st.caption(plain(str(error)))


def _taken_up(run_id: str, was: str) -> None:
    """Draw the page anew when a training that was over is so no more, or was deleted."""
    try:
        now = jobs.state(runs.find(run_id)).name
    except DigitscopeError:
        st.rerun()
    if now != was:
        st.rerun()
