"""The controls of a running training, for the browser that started it, and the queue."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from core.jobs import scheduler, submission
from core.jobs.live_run import LiveRun, followed_run
from core.jobs.live_view import queue_seconds
from core.jobs.scheduler import is_starting
from core.jobs.submission import JobState
from core.recipes.recipe import Optimizer
from core.runs.messages import last_command
from core.runs.permissions import is_mine, read_card, shown_name
from core.runs.run import Run
from core.utils.errors import DigitscopeError
from core.utils.text import countdown, duration
from core.utils.validation import bounds
from pages.widgets.shared.markdown import plain


def controls(run: Run, live: LiveRun, token: str) -> None:
    """Draw the buttons to pause, step and stop a training, and its learning rate.

    Args:
        run: the run that is being trained.
        live: its progress.
        token: the visitor's token.
    """
    with st.container(horizontal=True, key="watch-controls"):
        # By the last command, not by its effect: a click shows at once. One button with one key:
        # two buttons that alternate are both there for a moment, they move the others aside, and a
        # click on one of these is lost.
        if last_command(run.folder) in {"pause", "step", "epoch"}:
            _button(
                "Go on", "play_arrow", partial(submission.unpause, run, token=token), key="pause"
            )
        else:
            _button("Pause", "pause", partial(submission.pause, run, token=token))
        _button(
            "One step",
            "skip_next",
            partial(submission.run_one_step, run, token=token),
            "One batch, then pause.",
        )
        _button(
            "One epoch",
            "fast_forward",
            partial(submission.run_one_epoch, run, token=token),
            "To the end of this epoch, then pause.",
        )
        _button(
            "Stop",
            "stop",
            partial(submission.stop, run, token=token),
            "Ends the training after this batch. What was learned is kept and tested, and the "
            "training can be continued later.",
        )
        _rate(run, live, token)


def leave_queue_button(run: Run, token: str) -> None:
    """Draw the button that takes a waiting training out of the queue."""
    _button("Remove from the queue", "close", partial(submission.stop, run, token=token))


def _rate(run: Run, live: LiveRun, token: str) -> None:
    now = live.rate_changes[-1].learning_rate if live.rate_changes else None
    with st.popover("Learning rate", icon=":material/speed:"):
        low, high = bounds(Optimizer, "learning_rate")
        st.number_input(
            "Learning rate" if run.info.recipe.schedule.kind == "constant" else "Its peak",
            low,
            high,
            now or run.info.recipe.optimizer.learning_rate,
            format="%.6g",
            key=f"watch-rate-{run.id}",
            help="From the next batch on; the run records it. With a schedule, this is its peak.",
        )
        st.button(
            "Change",
            on_click=_change_rate,
            args=(run, token),
            key="watch-rate-change",
        )


def _change_rate(run: Run, token: str) -> None:
    rate = st.session_state[f"watch-rate-{run.id}"]
    _give_command(
        partial(submission.set_learning_rate, run, rate, token=token),
        f"From the next batch on: {rate:.6g}",
    )


def _button(
    label: str, icon: str, call: Callable[[], Any], tip: str | None = None, key: str | None = None
) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        help=tip,
        on_click=_give_command,
        args=(call,),
        key=f"watch-{key or icon}",
    )


def _give_command(call: Callable[[], Any], done: str = "") -> None:
    """Send a command and show `done`; if it fails, show why."""
    try:
        call()
    except DigitscopeError as error:
        st.toast(plain(str(error)), icon=":material/error:")
    else:
        if done:
            st.toast(done, icon=":material/check:")


def draw_queue(state: JobState, token: str) -> None:
    """Draw the queue: open for a training that waits, folded for another; nothing if empty.

    Args:
        state: the state of the training that is watched.
        token: the visitor's token.
    """
    waiting = [run for run in scheduler.queue() if not is_starting(run, read_card(run.folder))]
    if not waiting:
        return
    if state.name == "queued":
        _table(waiting, token)
        return
    with st.expander(f"{len(waiting)} waiting", icon=":material/hourglass:", key="watch-queue"):
        _table(waiting, token)


def _table(waiting: list[Run], token: str) -> None:
    rows = [
        {
            "place": place,
            "training": plain(shown_name(run)),
            "takes about": _time_of(run),
            "whose": "yours" if is_mine(run, token) else "another's",
        }
        for place, run in enumerate(waiting, 1)
    ]
    st.table(rows, hide_index=True, width="content", alt="The trainings that wait, in their order")
    before = scheduler.running()
    if before and all(followed_run(run).paused for run in before):
        limit = duration(max(read_card(run.folder).max_pause_seconds for run in before))
        st.caption(
            "The training before them is paused. The queue waits until it continues, or until "
            f"it ends by itself after {limit} of pause."
        )


def _time_of(run: Run) -> str:
    seconds = queue_seconds(run)
    return "not known yet" if seconds is None else countdown(seconds)
