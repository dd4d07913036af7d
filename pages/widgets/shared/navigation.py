"""The app's pages in the order of the navigation, with the question that each one answers."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

# Our own file: for the browser tab, Streamlit would fetch a named icon from another server.
ICON = Path(__file__).with_name("icon.png")


@dataclass(frozen=True)
class Entry:
    """A page of the navigation.

    Attributes:
        file: Path of its script, relative to the repository.
        title: Its name in the navigation.
        icon: Its Material icon.
        question: The question that it answers; empty for the home page.
    """

    file: str
    title: str
    icon: str
    question: str = ""


ENTRIES: dict[str, Entry] = {
    "home": Entry("pages/home.py", "Home", ":material/home:"),
    "lessons": Entry(
        "pages/lessons.py",
        "Lessons",
        ":material/school:",
        "Where do I begin? Five published tutorials, step by step, and why your own digit was "
        "misread.",
    ),
    "dataset": Entry(
        "pages/dataset.py",
        "Dataset",
        ":material/grid_on:",
        "What does a network learn from? Look at all the digits, at the numbers in one of them, "
        "and slide a kernel over it.",
    ),
    "train": Entry(
        "pages/train.py",
        "Train",
        ":material/model_training:",
        "How does a network learn? Set one up, press Train, and watch its curves, its kernels and "
        "its mistakes change while it learns.",
    ),
    "confusion": Entry(
        "pages/confusion.py",
        "Confusion matrix",
        ":material/grid_view:",
        "What does a network get wrong? Every mistake, down to the picture: which digits it takes "
        "for which, how sure it is, and what makes it fail.",
    ),
    "filters": Entry(
        "pages/filters.py",
        "Filters and activations",
        ":material/filter_b_and_w:",
        "What does a network see? Open any layer on any digit, follow a single number, ask why, "
        "and watch the filters form.",
    ),
    "predict": Entry(
        "pages/predict.py",
        "Predict",
        ":material/draw:",
        "Draw a digit or upload one: what does the network read, how sure is it, and what did it "
        "really see?",
    ),
}


_ENTERED = "entered_through_app"


def enter() -> st.Page:
    """Show the navigation; return the requested page, which `app.py` then runs."""
    st.session_state[_ENTERED] = True
    return st.navigation(list(pages().values()))


def require_app() -> None:
    """Make sure that the page runs inside `app.py`; the first call of every page.

    Until a session of the server has called `st.navigation`, Streamlit treats the files in `pages/`
    as independent pages. The first visitor of a fresh server who follows a link to a page would
    see it without the sidebar. Calling `st.navigation` ends that, and the next run goes through
    `app.py`.
    """
    if _ENTERED not in st.session_state:
        st.set_page_config(page_icon=ICON)  # or the tab would fetch the page's icon from outside
        enter()
        st.rerun()


def pages() -> dict[str, st.Page]:
    """Return Streamlit's page objects by key; `home` is the default page.

    Each call makes new ones: a page object records whether it may run, so two visitors must not
    share it.
    """
    return {
        key: st.Page(entry.file, title=entry.title, icon=entry.icon, default=key == "home")
        for key, entry in ENTRIES.items()
    }
