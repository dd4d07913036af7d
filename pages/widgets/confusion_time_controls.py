"""Going through the epochs: a step back, a step on, or all of them by themselves."""

import time
from collections.abc import Sequence

import streamlit as st

from core.answered import Answered
from pages.widgets.run_picker import choose_epoch
from pages.widgets.words import plain

PLAYING = "confusion-time-playing"
_DRAWN = "confusion-time-drawn"
_EVERY_S = 1.5


def time_controls(epochs: Sequence[int], this: Answered) -> None:
    """Draw the buttons that move the slider “At epoch”, and where it stands; `epochs`: rising."""
    before, after = _neighbours(epochs, this.epoch)
    playing = bool(st.session_state.get(PLAYING)) and this.epoch is not None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Earlier",
            icon=":material/chevron_left:",
            key="confusion-time-earlier",
            disabled=before is None,
            on_click=choose_epoch,
            args=(before,),
        )
        st.button(
            "Pause" if playing else "Play",
            icon=":material/pause:" if playing else ":material/play_arrow:",
            key="confusion-time-play",
            help="Goes through the epochs, one after the other.",
            on_click=_toggle,
            args=(epochs[0], this.epoch, playing),
        )
        st.button(
            "Later",
            icon=":material/chevron_right:",
            key="confusion-time-later",
            disabled=this.epoch is None,
            on_click=choose_epoch,
            args=(after,),
        )
        wrong = len(this) - int(this.right.sum())
        where = "The finished network" if this.epoch is None else f"After epoch {this.epoch}"
        st.markdown(f"**{where}**: {wrong:,} wrong of {len(this):,} ({plain(this.run)})")
    if playing:
        st.session_state[_DRAWN] = time.monotonic()
        st.fragment(_go_on, run_every=_EVERY_S)(after)


def _neighbours(epochs: Sequence[int], at: int | None) -> tuple[int | None, int | None]:
    """The kept epoch before and the one after; None after the last: the finished network."""
    earlier = [epoch for epoch in epochs if at is None or epoch < at]
    later = [epoch for epoch in epochs if at is not None and epoch > at]
    return (earlier[-1] if earlier else None), (later[0] if later else None)


def _toggle(first: int, at: int | None, playing: bool) -> None:
    st.session_state[PLAYING] = not playing
    if not playing and at is None:
        choose_epoch(first)


def _go_on(after: int | None) -> None:
    """Run by itself after a while: then, and only then, an epoch further."""
    if time.monotonic() - st.session_state[_DRAWN] < _EVERY_S / 2:
        return  # drawn with the page
    choose_epoch(after)
    st.session_state[PLAYING] = after is not None
    st.rerun()
