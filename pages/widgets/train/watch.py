"""The training page's second view: one training, live or over, for whoever has its link."""

import streamlit as st

from core.export.run_report import describe_pens
from core.jobs import submission
from core.jobs.live_run import followed_run
from core.jobs.live_view import ChartOptions, has_curves, live_view
from core.runs import registry
from core.runs.permissions import Limits, shown_name
from core.runs.run import Run
from core.utils.errors import DigitscopeError, RunError
from pages.widgets.components.live_chart import live_chart
from pages.widgets.shared.markdown import plain
from pages.widgets.train.next_steps import next_steps
from pages.widgets.train.views import forget, show_all_runs
from pages.widgets.train.watch_charts import chart_options
from pages.widgets.train.watch_controls import queue_part
from pages.widgets.train.watch_predictions import answers
from pages.widgets.train.watch_status import standing, steering

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
        run = registry.find_run(run_id)
    except DigitscopeError as error:
        _gone(run_id, error)
        return
    state = submission.job_state(run)
    st.subheader(plain(shown_name(run)), anchor=False)
    st.caption(_about(run))
    # It is drawn anew when the component in it has seen more change than it draws itself.
    st.fragment(_moving)(run, token, allowed, state.alive)
    if not state.alive:
        next_steps(run, token, allowed)
        st.fragment(_taken_up, run_every=ENDED_EVERY_S)(run, state.name)


def _gone(run_id: str, error: DigitscopeError) -> None:
    st.error(plain(str(error)), icon=":material/link_off:")
    st.write("Choose among the runs that are here, or “Set up” above to train one.")
    st.button("All runs", icon=":material/list:", on_click=show_all_runs, key="watch-all-runs")
    if isinstance(error, RunError):
        forget(run_id)


def _about(run: Run) -> str:
    recipe = run.info.recipe
    start = f"from {plain(run.info.preset)}, " if run.info.preset else ""
    about = (
        f"{start}on {recipe.dataset}, {run.info.epochs_planned} epochs, "
        f"{recipe.architecture.parameters:,} parameters"
    )
    redrawn = describe_pens(run.info)
    return f"{about}. {redrawn}" if redrawn else about


def _moving(run: Run, token: str, allowed: Limits, was_alive: bool) -> None:
    try:
        run = registry.read_run(run.folder)  # a training changes it between two drawings
    except DigitscopeError:
        st.rerun()  # the page says what became of it
    state = submission.job_state(run)
    if state.alive != was_alive:
        st.rerun()
    # Places of their own, so that the curves stay the same element whatever comes and goes above.
    above, curves, below = st.container(), st.container(), st.container()
    with above:
        steering(run, state, token, allowed)
        standing(run, state)
    with below:
        drawn = chart_options(run) if has_curves(followed_run(run), state) else ChartOptions()
        queue_part(state, token)
        _answers(run, live=state.name in {"running", "stopping"})
    with curves:
        live_chart(run, drawn, live_view(run, drawn))


def _answers(run: Run, *, live: bool) -> None:
    try:
        answers(run, live=live)
    except DigitscopeError as error:
        st.caption(plain(str(error)))


def _taken_up(run: Run, was: str) -> None:
    """Draw the page anew when a training that was over is so no more, or was deleted."""
    try:
        # Read again: who takes it up does so in another tab, or in another process.
        now = submission.job_state(registry.read_run(run.folder)).name
    except DigitscopeError:
        st.rerun()
    if now != was:
        st.rerun()
