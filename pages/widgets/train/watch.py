"""The second view of the training page: one training, live or ended, by its link."""

import streamlit as st

from core.jobs import submission
from core.jobs.live_run import followed_run
from core.jobs.live_view import ChartOptions, has_curves, live_view
from core.runs import registry
from core.runs.permissions import Limits, is_mine, shown_name
from core.runs.run import Run
from core.utils.errors import DigitscopeError, RunError
from pages.widgets.components.live_chart import live_chart
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.run_picker import use_run
from pages.widgets.train.ensembles import ensemble_result
from pages.widgets.train.next_steps import is_usable, next_steps
from pages.widgets.train.views import forget, show_all_runs
from pages.widgets.train.watch_charts import chart_options
from pages.widgets.train.watch_controls import draw_queue
from pages.widgets.train.watch_predictions import epoch_results
from pages.widgets.train.watch_status import draw_controls, draw_status

# Another tab may continue a training that has ended.
_ENDED_EVERY_S = 5.0
_GOING_ON = "train-watch-going-on"
"""Session key: the training that was going on when the page was last drawn."""


def watch_view(run_id: str | None, token: str, limits: Limits) -> None:
    """Draw a training; while it runs, fragments update its parts.

    Args:
        run_id: id of the run to watch; None if there is none.
        token: the visitor's token.
        limits: the server's limits.
    """
    if run_id is None:
        st.info(
            "No training is running, and you have not trained a network yet. Choose “Set up” "
            "and press Train. To see how a shipped run learned, open it under “All runs”.",
            icon=":material/show_chart:",
        )
        return
    try:
        run = registry.find_run(run_id)
    except DigitscopeError as error:
        _gone(run_id, error)
        return
    state = submission.job_state(run)
    _use_once_trained(run, token, alive=state.alive)
    st.header(plain(shown_name(run)), anchor=False)
    st.caption(_about(run))
    if run.info.members:
        _members(run, token, limits)
        return
    # The chart component reruns this fragment for changes that it does not draw itself.
    st.fragment(_live_part)(run, token, limits, state.alive)
    if not state.alive:
        next_steps(run, token, limits)
        st.fragment(_rerun_on_change, run_every=_ENDED_EVERY_S)(run, state.name)


def _use_once_trained(run: Run, token: str, *, alive: bool) -> None:
    """Make a visitor's own run the one in use when its training has ended before their eyes."""
    if alive:
        st.session_state[_GOING_ON] = run.id
    elif st.session_state.pop(_GOING_ON, None) == run.id and is_mine(run, token) and is_usable(run):
        use_run(run)


def _gone(run_id: str, error: DigitscopeError) -> None:
    st.error(plain(str(error)), icon=":material/link_off:")
    st.write("Choose another run, or train one under “Set up”.")
    st.button("All runs", icon=":material/list:", on_click=show_all_runs, key="watch-all-runs")
    if isinstance(error, RunError):
        forget(run_id)


def _members(run: Run, token: str, limits: Limits) -> None:
    try:
        ensemble_result(run)
    except DigitscopeError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")
    next_steps(run, token, limits)


def _about(run: Run) -> str:
    recipe = run.info.recipe
    if run.info.members:
        members = ", ".join(plain(member.id) for member in run.info.members)
        return f"An ensemble of {members}: {run.info.parameters:,} parameters together"
    start = f"from {plain(run.info.preset)}, " if run.info.preset else ""
    return (
        f"{start}on {recipe.dataset}, {run.info.recipe.epochs} epochs, "
        f"{recipe.architecture.parameters:,} parameters"
    )


def _live_part(run: Run, token: str, limits: Limits, was_alive: bool) -> None:
    try:
        run = registry.read_run(run.folder)  # a training changes it between two drawings
    except DigitscopeError:
        st.rerun()  # the page says what became of it
    state = submission.job_state(run)
    if state.alive != was_alive:
        st.rerun()
    # Separate containers, so that the curves stay the same element when the parts above change.
    above, curves, below = st.container(), st.container(), st.container()
    with above:
        draw_controls(run, state, token, limits)
        draw_status(run, state)
    with below:
        drawn = chart_options(run) if has_curves(followed_run(run), state) else ChartOptions()
        draw_queue(state, token)
        _answers(run, live=state.name in {"running", "stopping"})
    with curves:
        live_chart(run, drawn, live_view(run, drawn))


def _answers(run: Run, *, live: bool) -> None:
    try:
        epoch_results(run, live=live)
    except DigitscopeError as error:
        st.caption(plain(str(error)))


def _rerun_on_change(run: Run, state_before: str) -> None:
    """Rerun the page when an ended training was continued or deleted."""
    try:
        # Read again: another tab or process may have continued it.
        now = submission.job_state(registry.read_run(run.folder)).name
    except DigitscopeError:
        st.rerun()
    if now != state_before:
        st.rerun()
