"""The choice of the Filters page's digit: from a dataset, drawn, or uploaded."""

from typing import Final, Literal, get_args

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.statistics import split_of
from core.preprocessing.mnist_format import find_digit
from core.runs.run import Network
from core.utils.errors import PictureError
from pages.widgets.filters.choices import NEXT_INDEX, Seen
from pages.widgets.shared.canvas import PAPER, canvas
from pages.widgets.shared.digit_choice import INDEX, choose_digits, choose_index
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.upload import uploaded

Way = Literal["Dataset", "Draw", "Upload"]
_WAYS: Final[tuple[Way, ...]] = get_args(Way)
_WAY = "filters-way"
_LAST = "filters_last_upload"


def choose_seen(network: Network) -> Seen | None:
    """Draw the choice of a digit.

    Args:
        network: The network that reads it.

    Returns:
        The digit with the network; None, after a sentence on the page, if there is no digit.

    Raises:
        DatasetError: The dataset cannot be loaded.
    """
    _follow()
    source = st.segmented_control(
        "Digit",
        _WAYS,
        default=None if _WAY in st.session_state else _WAYS[0],
        required=True,
        key=_WAY,
        persist_state="session",
        help="A digit of the dataset by its index, one that you draw, or a picture of one.",
    )
    if source == "Dataset":
        return _of_dataset(network)
    try:
        image = _drawn() if source == "Draw" else _from_file()
    except PictureError as error:
        st.warning(plain(str(error)), icon=":material/help:")
        return None
    if image is None:
        st.info(
            "Draw a digit, and the network's layers appear." if source == "Draw" else "No file."
        )
        return None
    name = "your drawing" if source == "Draw" else "your picture"
    return Seen(network, image, None, name)


def _follow() -> None:
    """Change to the dataset's digit after a link to one or a click on one."""
    state = st.session_state
    if NEXT_INDEX in state:
        state[INDEX] = state.pop(NEXT_INDEX)
        state[_WAY] = _WAYS[0]
    elif st.query_params.get(INDEX, "") not in {"", str(state.get(INDEX))}:
        state[_WAY] = _WAYS[0]


def _of_dataset(network: Network) -> Seen | None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        dataset, split = choose_digits()
        index = choose_index(dataset, split)
    if index is None:
        return None
    digits = split_of(dataset, split)
    word = "training" if split == "train" else "test"
    return Seen(network, digits.images[index], int(digits.labels[index]), f"{word} digit {index:,}")


def _drawn() -> NDArray[np.uint8] | None:
    picture = canvas()
    return None if picture is None else find_digit(picture, ink="dark", paper=PAPER).pixels


def _from_file() -> NDArray[np.uint8] | None:
    picture = uploaded("filters-upload")
    return None if picture is None else find_digit(picture).pixels
