"""The queue of trainings, for who waits in it or sees others wait."""

import streamlit as st

from core import dispatch
from core.dispatch import is_starting
from core.job_card import is_mine, read_card, shown_name
from core.jobs import State
from core.live import followed
from core.runs import Run
from core.text import countdown, duration
from core.waiting import seconds_of
from pages.widgets.words import plain


def queue_part(state: State, token: str) -> None:
    """Draw the queue: in full for a training that waits, folded up for another; nothing if empty.

    `state`: of the training that is watched; `token`: the visitor's.
    """
    waiting = [run for run in dispatch.queue() if not is_starting(run, read_card(run.folder))]
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
    before = dispatch.running()
    if before and all(followed(run).paused for run in before):
        limit = duration(max(read_card(run.folder).max_pause_seconds for run in before))
        st.caption(
            "The training before them is paused: the queue stands still until it goes on, or ends "
            f"by itself after {limit} of pause."
        )


def _time_of(run: Run) -> str:
    seconds = seconds_of(run)
    return "not known yet" if seconds is None else countdown(seconds)
