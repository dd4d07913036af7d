"""The training page's second view: one training, live or over, for whoever has its link."""

from contextlib import suppress

import streamlit as st

from core import jobs, runs
from core.errors import DigitscopeError
from core.job_card import shown_name
from core.limits import Limits
from core.runs import Run
from pages.widgets.next_steps import next_steps
from pages.widgets.watch_answers import answers
from pages.widgets.watch_chart import Drawn, chart_options
from pages.widgets.watch_live import guided_part, live_part
from pages.widgets.words import plain

ALIVE = {"queued", "starting", "running", "stopping", "interrupted"}
LIVE_EVERY_S = 1.0
# What changes with an epoch, or by hand: drawing it oftener would take time from the training.
SELDOM_EVERY_S = 4.0


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
        st.error(plain(str(error)), icon=":material/link_off:")
        st.write("Choose “All runs” above for those that are here, or “Set up” to train one.")
        return
    alive = jobs.state(run).name in ALIVE
    st.subheader(plain(shown_name(run)), anchor=False)
    st.caption(_about(run))
    often, seldom = (LIVE_EVERY_S, SELDOM_EVERY_S) if alive else (None, None)
    st.fragment(_guided, run_every=seldom)(run_id, token, allowed)
    moving = st.container()
    options = chart_options(run)  # below the curves that they change, but known before
    with moving:
        st.fragment(_live, run_every=often)(run_id, options, alive)
    st.fragment(_answers, run_every=seldom)(run_id, alive)
    if not alive:
        next_steps(runs.find(run_id), token, allowed)


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


def _live(run_id: str, options: Drawn, was_alive: bool) -> None:
    try:
        run = runs.find(run_id)
    except DigitscopeError as error:
        st.error(plain(str(error)), icon=":material/link_off:")
        return
    state = jobs.state(run)
    live_part(run, state, options)
    if was_alive and state.name not in ALIVE:
        st.rerun()


def _answers(run_id: str, was_alive: bool) -> None:
    try:
        answers(runs.find(run_id), live=was_alive)
    except DigitscopeError as error:
        st.caption(plain(str(error)))
