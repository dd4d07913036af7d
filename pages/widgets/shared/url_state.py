"""What the address of a page says, when a link within the app may have changed it."""

from collections.abc import Callable, Sequence

import streamlit as st

_LAST = "last_link"
_NEXT = "next_{}"


def follow(key: str, read: Callable[[str], object]) -> str:
    """Take over what the address holds under this name, if it is news; give it as it stands there.

    A bound widget reads the address only when it first appears, so a link within the app would
    change nothing. To be called before the widget is drawn. `read`: the value of a text, None for
    nonsense.
    """
    asked = st.query_params.get(key, "")
    state = st.session_state
    last = f"{_LAST}_{key}"
    if key in state and asked not in {"", state.get(last)}:
        value = read(asked)
        state[key] = state[key] if value is None else value
    state[last] = asked
    return asked


def write(key: str, value: str | None) -> None:
    """Put a value into the address that no widget is bound to; None takes it out."""
    if value is None:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != value:
        st.query_params[key] = value
    st.session_state[f"{_LAST}_{key}"] = value or ""


def among(options: Sequence[str]) -> Callable[[str], str | None]:
    """A reader for `follow` that knows only these values."""
    return lambda text: text if text in options else None


def choose_view(key: str, views: Sequence[str]) -> str:
    """Draw the choice of a page's view, and give it: the first, if nothing else was asked for.

    Kept in the address under `key`; `open_view` changes it from within the page.
    """
    follow(key, among(views))
    state = st.session_state
    if _NEXT.format(key) in state:
        state[key] = state.pop(_NEXT.format(key))
    view = st.segmented_control(
        "View",
        views,
        default=None if key in state else views[0],
        required=True,
        key=key,
        bind="query-params",
        persist_state="session",
        label_visibility="collapsed",
    )
    return view or views[0]


def open_view(key: str, view: str) -> None:
    """Change to a view from the next run of the script on: for callbacks."""
    st.session_state[_NEXT.format(key)] = view
