"""The status of a training: its place in the queue, its controls, how it ended."""

import streamlit as st

from core.data.mnist import TEST_DIGITS
from core.jobs.live_run import LiveRun, followed_run
from core.jobs.live_view import diagnose_run, queue_sentence
from core.jobs.submission import JobState
from core.runs.permissions import Limits, may_manage
from core.runs.run import Run
from core.utils.text import duration
from pages.widgets.shared.markdown import plain
from pages.widgets.train.watch_controls import controls, leave_queue_button


def draw_controls(run: Run, state: JobState, token: str, limits: Limits) -> None:
    """Draw the controls of a training, or a note that another browser has them.

    Args:
        run: the run that is watched.
        state: the state of its training.
        token: the visitor's token.
        limits: the server's limits.
    """
    may_control = may_manage(run, token, limits)
    if state.name == "queued" and may_control:
        leave_queue_button(run, token)
    if state.name in {"starting", "running", "interrupted"}:
        if may_control:
            controls(run, followed_run(run), token)
        else:
            st.caption("You are watching. Only the browser that started this training controls it.")


def draw_status(run: Run, state: JobState) -> None:
    """Draw the status of a training that no process works on.

    Args:
        run: the run that is watched.
        state: the state of its training.
    """
    if state.name == "queued":
        words = (
            f"{queue_sentence(run, state)} You can leave this page: the training starts by itself."
        )
        st.info(words, icon=":material/hourglass:")
    elif state.name == "interrupted":
        st.warning(
            "Its process ended unexpectedly. It continues from its last checkpoint in a moment.",
            icon=":material/restart_alt:",
        )
    elif not state.alive:
        _ended(run, state, followed_run(run))


def _ended(run: Run, state: JobState, live: LiveRun) -> None:
    info = run.info
    if info.ended_by == "diverged":
        diagnosis = diagnose_run(run, state, live)
        untested = "" if info.metrics else " It was not tested."
        words = f"**{plain(diagnosis.headline)}**{untested} {plain(diagnosis.advice)}"
        st.error(words, icon=":material/error:")
        return
    headline = info.headline()
    ending = {
        "last epoch": "Finished: all epochs are done.",
        "early stopping": "Finished by early stopping: the validation loss did not improve.",
        "pruning": "Pruned: other trainings of its search were better at this epoch.",
        "by hand": "Stopped by hand. What it learned is kept.",
        "time limit": "Stopped by this server's time limit. What it learned is kept.",
        "pause limit": "Stopped because it was paused for too long. What it learned is kept.",
        "fault": "Broken off.",
    }.get(info.ended_by, f"Training is {info.status}.")
    best = (
        f" The weights of epoch {info.best_epoch}, the best one, were kept."
        if info.best_epoch
        else ""
    )
    if info.error:
        st.error(f"{ending} {plain(info.error)}", icon=":material/error:")
    elif headline:
        caveat = "" if headline[1].held_out else " (some of these digits were trained on)"
        st.success(
            f"{ending}{best} **{headline[1]}** of {TEST_DIGITS[headline[0]]}{caveat}, "
            f"trained in {duration(info.seconds)}.",
            icon=":material/check_circle:",
        )
    else:
        st.info(f"{ending}{best}")
