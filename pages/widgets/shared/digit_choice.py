"""The choice of dataset, split, digit and view, kept in the page's address.

The Dataset page uses all of it; the Filters page uses it to choose a digit.
"""

import streamlit as st

from core.data import mnist
from core.data.mnist import DatasetName
from core.data.statistics import SPLITS, SplitName, split_of
from pages.widgets.shared import url_state
from pages.widgets.shared.url_state import among, follow, open_view, write

STATISTICS, BROWSE, DIGIT, CONVOLUTION = "Statistics", "Browse", "Single digit", "Convolution"
AUGMENTATION, EMBEDDING, LABEL_ISSUES = "Augmentation", "Embedding", "Label issues"
QUESTIONS = {
    STATISTICS: "What is in the dataset?",
    BROWSE: "What do the digits look like?",
    DIGIT: "What does the computer get of one digit?",
    CONVOLUTION: "What does a kernel do to a digit?",
    AUGMENTATION: "How far can a digit be changed and still be the same digit?",
    EMBEDDING: "Which digits are alike?",
    LABEL_ISSUES: "Which labels are in doubt?",
}
VIEWS = tuple(QUESTIONS)
FORMER_NAMES = {
    "Facts": STATISTICS,
    "One digit": DIGIT,
    "Kernel": CONVOLUTION,
    "Map": EMBEDDING,
    "Suspects": LABEL_ISSUES,
}
_OF_ONE_DIGIT = (DIGIT, CONVOLUTION, AUGMENTATION)
DATA, SPLIT, _VIEW, INDEX = "data", "split", "view", "index"
SHOW_CHOSEN = "dataset_show_chosen"
"""Session key: set when the grid shall open at the page of the digit that was shown last."""
_MOST = 10**9
"""Larger than any index of a dataset, and small enough for a JavaScript number."""


def choose_digits() -> tuple[DatasetName, SplitName]:
    """Draw the choice of dataset and split.

    Returns:
        The dataset and the split.
    """
    datasets = mnist.available()
    follow(DATA, among(datasets))
    follow(SPLIT, among(SPLITS))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        dataset = st.segmented_control(
            "Digits",
            datasets,
            default=None if DATA in st.session_state else datasets[0],
            required=True,
            key=DATA,
            bind="query-params",
            persist_state="session",
            help="mnist: all 70,000 digits. mnist-sample: 5,000 of them, which are always there.",
        )
        split = st.segmented_control(
            "Split",
            SPLITS,
            default=None if SPLIT in st.session_state else "test",
            required=True,
            key=SPLIT,
            bind="query-params",
            persist_state="session",
            help="A network learns from the training digits. The test digits are kept apart, to "
            "see how it reads what it has never seen.",
        )
    return dataset or datasets[0], split or "test"


def choose_view() -> str:
    """Draw the choice of the Dataset page's view.

    Returns:
        The view, one of `VIEWS`.
    """
    already_set = (_VIEW in st.session_state, _VIEW in st.query_params)
    if not any(already_set) and INDEX in st.query_params:
        open_view(_VIEW, DIGIT)  # a link to a digit
    view = url_state.choose_view(_VIEW, QUESTIONS, FORMER_NAMES)
    if view not in _OF_ONE_DIGIT and INDEX in st.query_params:
        del st.query_params[INDEX]  # or the link would open that digit
    return view


def open_digit(index: int, split: SplitName | None = None) -> None:
    """Show one digit from the next run of the script on; for callbacks.

    Args:
        index: Its index in the split.
        split: The split to change to; None keeps the chosen one.
    """
    if split:
        st.session_state[SPLIT] = split
    st.session_state[INDEX] = index
    open_view(_VIEW, DIGIT)


def back_to_grid() -> None:
    """Show the grid from the next run of the script on; for callbacks."""
    open_view(_VIEW, BROWSE)
    st.session_state[SHOW_CHOSEN] = True


def _whole(text: str) -> int | None:
    return min(int(text), _MOST) if text.isascii() and text.isdecimal() else None


def choose_index(dataset: str, split: SplitName) -> int | None:
    """Draw the field for a digit's index.

    Args:
        dataset: Name of the dataset.
        split: The split that is indexed.

    Returns:
        The index; None, after a sentence on the page, if the split has no such digit.
    """
    last = len(split_of(dataset, split)) - 1
    in_link = follow(INDEX, _whole)
    st.session_state.setdefault(INDEX, _whole(in_link) or 0)
    # Not bound to the address: for a bound field, Streamlit does not write a value that was set
    # before the field was first drawn, as a click on a digit does.
    index = st.number_input(
        "Index",
        min_value=0,
        step=1,
        key=INDEX,
        persist_state="session",
        width=160,
        help=f"From 0 to {last:,}. The tutorials look at 7777 and at 0.",
    )
    if in_link and _whole(in_link) is None:
        st.warning("The link's digit is not a number: the digit of the field is shown.")
    elif in_link != str(index):
        write(INDEX, str(index))
    if index > last:
        st.warning(f"There is no such digit here: the last one of this split is {last:,}.")
        return None
    return index
