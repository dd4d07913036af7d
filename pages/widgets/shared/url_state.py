"""Widget values in a page's address, also when a link within the app has changed them."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from core.utils.glossary import TERMS

_LAST = "last_link"
_NEXT = "next_{}"


def follow(key: str, read: Callable[[str], object]) -> str:
    """Copy a new value of the address into the session state.

    A bound widget reads the address only when it first appears, so a link within the app would
    change nothing. Call this before the widget is drawn.

    Args:
        key: Name of the parameter and of the session state.
        read: Parses the text; returns None for an invalid one.

    Returns:
        The parameter's text, empty if the address has none.
    """
    in_link = st.query_params.get(key, "")
    state = st.session_state
    last = f"{_LAST}_{key}"
    if key in state and in_link not in {"", state.get(last)}:
        value = read(in_link)
        state[key] = state[key] if value is None else value
    state[last] = in_link
    return in_link


def write(key: str, value: str | None) -> None:
    """Write a parameter that no widget is bound to into the address; None removes it."""
    if value is None:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != value:
        st.query_params[key] = value
    st.session_state[f"{_LAST}_{key}"] = value or ""


def among(options: Sequence[str]) -> Callable[[str], str | None]:
    """Return a parser for `follow` that accepts only these values."""
    return lambda text: text if text in options else None


def displayable(text: str) -> str:
    """Shorten a text from a link to 40 characters, and drop all that no name of ours contains.

    Anybody may have written the link.
    """
    return "".join(char for char in text[:40] if char.isalnum() or char in "-_")


def choose_view(key: str, questions: Mapping[str, str], former_names: Mapping[str, str]) -> str:
    """Draw the choice of a page's view and its question; `open_view` changes it within the page.

    Args:
        key: Name of the parameter in the address.
        questions: The question that each view answers, by view; the first view is the default.
        former_names: The view of each name that links of former versions have.

    Returns:
        The chosen view.
    """
    views = list(questions)
    state = st.session_state
    view_named = among(views)
    in_link = follow(key, lambda name: view_named(former_names.get(name, name)))
    if key not in state and in_link in former_names:
        state[key] = former_names[in_link]  # the widget would take it for nonsense
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
    chosen = view or views[0]
    view_question(questions[chosen], chosen)
    return chosen


def view_question(question: str, term: str = "") -> None:
    """Draw the question that a view answers.

    Args:
        question: The question.
        term: The view's name; if it is in the glossary, a tooltip explains it.
    """
    meaning = TERMS.get(term.casefold()) or TERMS.get(term.casefold().removesuffix("s"))
    st.markdown(f"**{question}**", help=f"**{term}**: {meaning}" if meaning else None)


def open_view(key: str, view: str) -> None:
    """Change to a view from the next run of the script on; for callbacks."""
    st.session_state[_NEXT.format(key)] = view
