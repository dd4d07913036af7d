"""What moves while a training goes on: where it is, its controls, its curves, a verdict."""

import streamlit as st

from core.errors import DigitscopeError
from core.job_card import may_manage, read_card
from core.jobs import State
from core.limits import Limits
from core.live import Live, follow
from core.live_figures import MAX_POINTS
from core.runs import Run
from core.verdict_words import Verdict
from core.verdicts import verdict
from core.waiting import seconds_until
from pages.widgets.durations import about, whole
from pages.widgets.watch_chart import Drawn, charts
from pages.widgets.watch_controls import controls, out_of_queue
from pages.widgets.words import plain


def live_part(run: Run, state: State, options: Drawn) -> None:
    """What changes every second: where the training is, and its curves."""
    live = follow(run.folder)
    live.update()
    if state.name == "queued":
        _waiting(run, state)
        return
    _where_it_is(run, state, live)
    if live.started:
        charts(run, live, options)


def guided_part(run: Run, state: State, token: str, allowed: Limits) -> None:
    """What changes seldom: the controls, and the verdict. Drawing it costs the training time."""
    live = follow(run.folder)
    live.update()
    mine = may_manage(run, token, allowed)
    if state.name == "queued" and mine:
        out_of_queue(run, token)
    if state.name in {"starting", "running", "interrupted"}:
        if mine:
            controls(run, live, token)
        else:
            st.caption("You are watching: the browser that started this training controls it.")
    if live.started and run.info.ended_by != "diverged":  # of one that did, the result says it
        found = _found(run, state, live)
        st.markdown(f"**{plain(found.headline)}** {plain(found.advice)}")


def _waiting(run: Run, state: State) -> None:
    place = "next" if state.place == 1 else f"number {state.place}"
    words = f"This training waits: it is {place} in the queue."
    try:
        seconds = seconds_until(run)
    except DigitscopeError:
        seconds = None
    if seconds:
        words += f" It begins in about {whole(seconds)}."
    st.info(f"{words} You may leave this page: it begins by itself.", icon=":material/hourglass:")


def _where_it_is(run: Run, state: State, live: Live) -> None:
    if state.name in {"finished", "stopped", "failed"}:
        _ended(run, state, live)
        return
    if state.name == "interrupted":
        st.warning(
            "Its process ended unexpectedly. It goes on from where it was last saved in a moment.",
            icon=":material/restart_alt:",
        )
        return
    if not live.started or live.started.time < read_card(run.folder).started:
        st.progress(live.fraction, text=_before(live))
        return
    epoch = max(live.epoch, 1)
    paused = "Paused in e" if live.paused else "E"
    if state.name == "stopping":
        paused = "Stopping in e"
    st.progress(
        live.fraction,
        text=f"{paused}poch {epoch} of {live.started.epochs}, step {live.step} of {live.steps}",
    )
    st.caption(" · ".join(_pace(live)))
    if live.paused:
        limit = about(read_card(run.folder).max_pause_seconds)
        st.caption(f"Paused. After {limit} of pause it ends by itself, and keeps what was learnt.")


def _before(live: Live) -> str:
    if live.downloading:
        done, total = live.downloading.done, live.downloading.total
        part = f"{100 * done / total:.0f} %" if total else f"{done / 1e6:.1f} MB"
        return f"Downloading MNIST: {part}"
    return "Starting: TensorFlow takes a few seconds"


def _pace(live: Live) -> list[str]:
    parts = []
    if live.images_per_second:
        parts.append(f"{live.images_per_second:,.0f} images per second")
    if live.seconds_left is not None and not live.paused:
        parts.append(f"{whole(live.seconds_left)} left")
    if live.learning_rate is not None:
        parts.append(f"learning rate {live.learning_rate:.3g}")
    return parts or ["The first batches are on their way"]


def _ended(run: Run, state: State, live: Live) -> None:
    info = run.info
    if info.ended_by == "diverged":
        found = _found(run, state, live)
        untested = "" if info.metrics else " It was not tested."
        words = f"**{plain(found.headline)}**{untested} {plain(found.advice)}"
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
        where = "MNIST's" if figure[0] == "mnist" else "the sample's"
        st.success(
            f"{how}{best} **{figure[1]}** of {where} test digits{seen}, "
            f"trained in {about(info.seconds)}.",
            icon=":material/check_circle:",
        )
    else:
        st.info(f"{how}{best}")


def _found(run: Run, state: State, live: Live) -> Verdict:
    epochs = live.epochs
    curve = live.curve(MAX_POINTS)
    since = len(epochs)
    fresh = [float(loss) for x, loss in zip(curve.x, curve.loss, strict=True) if x > since]
    return verdict(
        epochs,
        recipe=run.info.recipe,
        running=state.name in {"starting", "running", "stopping", "interrupted"},
        ended_by=run.info.ended_by,
        batch_losses=fresh,
    )
