"""What is to be said of a training: where it is, what may be done with it, how it ended."""

import streamlit as st

from core.job_card import may_manage
from core.jobs import State
from core.limits import Limits
from core.live import Live, followed
from core.run_report import TEST_DIGITS
from core.runs import Run
from core.text import duration
from core.watching import found, waits
from pages.widgets.watch_controls import controls, out_of_queue
from pages.widgets.words import plain


def steering(run: Run, state: State, token: str, allowed: Limits) -> None:
    """Draw what this visitor may do with the training while it goes on."""
    mine = may_manage(run, token, allowed)
    if state.name == "queued" and mine:
        out_of_queue(run, token)
    if state.name in {"starting", "running", "interrupted"}:
        if mine:
            controls(run, followed(run), token)
        else:
            st.caption("You are watching: the browser that started this training controls it.")


def standing(run: Run, state: State) -> None:
    """Draw where the training is, if no process works at it."""
    if state.name == "queued":
        words = f"{waits(run, state)} You may leave this page: it begins by itself."
        st.info(words, icon=":material/hourglass:")
    elif state.name == "interrupted":
        st.warning(
            "Its process ended unexpectedly. It goes on from where it was last saved in a moment.",
            icon=":material/restart_alt:",
        )
    elif not state.alive:
        _ended(run, state, followed(run))


def _ended(run: Run, state: State, live: Live) -> None:
    info = run.info
    if info.ended_by == "diverged":
        said = found(run, state, live)
        untested = "" if info.metrics else " It was not tested."
        words = f"**{plain(said.headline)}**{untested} {plain(said.advice)}"
        st.error(words, icon=":material/error:")
        return
    figure = info.headline()
    how = {
        "last epoch": "Finished: all epochs are done.",
        "early stopping": "Finished by early stopping: the validation loss got no better.",
        "by hand": "Stopped by hand; what was learnt until then is kept.",
        "time limit": "Stopped by this server's time limit; what was learnt until then is kept.",
        "pause limit": "Stopped because it was paused for too long; what was learnt is kept.",
        "fault": "Broken off.",
    }.get(info.ended_by, f"Training is {info.status}.")
    best = (
        f" The weights of epoch {info.best_epoch}, the best one, were kept."
        if info.best_epoch
        else ""
    )
    if info.error:
        st.error(f"{how} {plain(info.error)}", icon=":material/error:")
    elif figure:
        seen = "" if figure[1].held_out else " (some of these digits were trained on)"
        st.success(
            f"{how}{best} **{figure[1]}** of {TEST_DIGITS[figure[0]]}{seen}, "
            f"trained in {duration(info.seconds)}.",
            icon=":material/check_circle:",
        )
    else:
        st.info(f"{how}{best}")
