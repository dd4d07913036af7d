"""The pages that exist, in the order of the navigation, and what each one answers."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

# A picture of our own: Streamlit fetches icons that it knows by name from outside for the tab.
ICON = Path(__file__).with_name("icon.png")


@dataclass(frozen=True)
class Entry:
    """A page: its file, its name, its icon, and the question it answers (none for home)."""

    file: str
    title: str
    icon: str
    question: str = ""


ENTRIES: dict[str, Entry] = {
    "home": Entry("pages/home.py", "Home", ":material/home:"),
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
        "Confusions",
        ":material/grid_view:",
        "What does a network get wrong? Every mistake, down to the picture: which digits it takes "
        "for which, how sure it is, and what makes it fail.",
    ),
    "filters": Entry(
        "pages/filters.py",
        "Filters",
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
    """Show the navigation and give the page that was asked for, for `app.py` to run."""
    st.session_state[_ENTERED] = True
    return st.navigation(list(pages().values()))


def through_app() -> None:
    """The first call of every page: make sure that `app.py` stands around it.

    While no session of a server has called `st.navigation` yet, Streamlit takes the files in
    `pages/` for pages of their own. The first visitor of a fresh server who follows a link to a
    page would get it bare, without the sidebar. Calling `st.navigation` ends that, and the next run
    goes through `app.py`.
    """
    if _ENTERED not in st.session_state:
        st.set_page_config(page_icon=ICON)  # or the tab would fetch the page's icon from outside
        enter()
        st.rerun()


def pages() -> dict[str, st.Page]:
    """Streamlit's page objects by key; `home` is where a visitor lands.

    New ones for each call: a page object holds whether it may run, and two visitors who shared it
    would take that from each other.
    """
    return {
        key: st.Page(entry.file, title=entry.title, icon=entry.icon, default=key == "home")
        for key, entry in ENTRIES.items()
    }
