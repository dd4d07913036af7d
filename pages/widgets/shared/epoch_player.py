"""Buttons that step through the kept epochs, or play them one after the other."""

import time
from collections.abc import Sequence

import streamlit as st

from pages.widgets.shared.run_picker import choose_epoch

_EVERY_S = 1.5


def epoch_controls(epochs: Sequence[int], at: int | None, words: str, *, key: str) -> None:
    """Draw the buttons that move the slider “At epoch”, and the epoch that it is at.

    Args:
        epochs: The kept epochs, in rising order.
        at: The epoch shown; None for the finished network.
        words: Markdown beside the epoch.
        key: Prefix of the widgets' keys; `KEY-playing` in the session state says whether the
            epochs are being played.
    """
    playing_key = f"{key}-playing"
    before, after = _neighbors(epochs, at)
    playing = bool(st.session_state.get(playing_key)) and at is not None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Earlier",
            icon=":material/chevron_left:",
            key=f"{key}-earlier",
            disabled=before is None,
            on_click=choose_epoch,
            args=(before,),
        )
        st.button(
            "Pause" if playing else "Play",
            icon=":material/pause:" if playing else ":material/play_arrow:",
            key=f"{key}-play",
            help="Goes through the epochs, one after the other.",
            on_click=_toggle,
            args=(playing_key, epochs[0], at, playing),
        )
        st.button(
            "Later",
            icon=":material/chevron_right:",
            key=f"{key}-later",
            disabled=at is None,
            on_click=choose_epoch,
            args=(after,),
        )
        where = "The finished network" if at is None else f"After epoch {at}"
        st.markdown(f"**{where}**: {words}")
    if playing:
        st.session_state[f"{key}-drawn"] = time.monotonic()
        st.fragment(_go_on, run_every=_EVERY_S)(key, after)


def _neighbors(epochs: Sequence[int], at: int | None) -> tuple[int | None, int | None]:
    """Return the kept epochs before and after; None after the last one: the finished network."""
    earlier = [epoch for epoch in epochs if at is None or epoch < at]
    later = [epoch for epoch in epochs if at is not None and epoch > at]
    return (earlier[-1] if earlier else None), (later[0] if later else None)


def _toggle(playing_key: str, first: int, at: int | None, playing: bool) -> None:
    st.session_state[playing_key] = not playing
    if not playing and at is None:
        choose_epoch(first)


def _go_on(key: str, after: int | None) -> None:
    """Advance by one epoch when the timer, and not a run of the page, has called this."""
    if time.monotonic() - st.session_state[f"{key}-drawn"] < _EVERY_S / 2:
        return  # drawn with the page
    choose_epoch(after)
    st.session_state[f"{key}-playing"] = after is not None
    st.rerun()
