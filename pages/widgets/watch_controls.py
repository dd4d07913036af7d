"""What the browser that started a training may do with it while it goes on."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from core import jobs
from core.bounds import bounds
from core.errors import DigitscopeError
from core.live import Live
from core.orders import last
from core.recipes import Optimizer
from core.runs import Run
from pages.widgets.words import plain


def controls(run: Run, live: Live, token: str) -> None:
    """Pause, single steps, stop, and the learning rate."""
    with st.container(horizontal=True, key="watch-controls"):
        # By what was ordered, not by what has come of it: a click shows at once. One button, with
        # one key: two that take turns both stand there for a moment, move the others aside, and a
        # click on one of these is lost.
        if last(run.folder) in {"pause", "step", "epoch"}:
            _button("Go on", "play_arrow", partial(jobs.resume, run, token=token), key="pause")
        else:
            _button("Pause", "pause", partial(jobs.pause, run, token=token))
        _button(
            "One step",
            "skip_next",
            partial(jobs.one_step, run, token=token),
            "One batch, then pause.",
        )
        _button(
            "One epoch",
            "fast_forward",
            partial(jobs.one_epoch, run, token=token),
            "To the end of this epoch, then pause.",
        )
        _button(
            "Stop",
            "stop",
            partial(jobs.stop, run, token=token),
            "Ends the training after this batch. What was learnt is kept and tested, and the "
            "training can be continued later.",
        )
        _rate(run, live, token)


def out_of_queue(run: Run, token: str) -> None:
    """Take back a training that waits."""
    _button("Take it out of the queue", "close", partial(jobs.stop, run, token=token))


def _rate(run: Run, live: Live, token: str) -> None:
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
    _told(partial(jobs.set_rate, run, rate, token=token), f"From the next batch on: {rate:.6g}")


def _button(
    label: str, icon: str, call: Callable[[], Any], tip: str | None = None, key: str | None = None
) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        help=tip,
        on_click=_told,
        args=(call,),
        key=f"watch-{key or icon}",
    )


def _told(call: Callable[[], Any], done: str = "") -> None:
    """Give an order and say `done`; if it cannot be given, say why."""
    try:
        call()
    except DigitscopeError as error:
        st.toast(plain(str(error)), icon=":material/error:")
    else:
        if done:
            st.toast(done, icon=":material/check:")
