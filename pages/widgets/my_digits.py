"""The visitor's own labelled digits: said what they are on the Predict page, kept for this visit.

They are in the session's state alone: not on disk, and gone with the visit.
"""

import hashlib
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core import runs
from core.answered import Answered
from core.datasets import CLASSES
from core.my_digits import MINE, MOST, MyDigits, keep, label_of, my_answers, without
from pages.widgets.navigation import pages

_DIGITS = "my-digits"
_ANSWERS = "my-digits-answers"
_RUNS_KEPT = 4


def my_digits() -> MyDigits:
    """The digits that were labelled in this visit, in the order in which they were."""
    found: MyDigits = st.session_state.get(_DIGITS, ())
    return found


def my_answered(run_id: str, epoch: int | None = None) -> Answered:
    """What a run answers on them: the same object until a digit or the network changes.

    Raises DatasetError if there are none, RunError if the run cannot be asked.
    """
    digits, run = my_digits(), runs.find(run_id)
    answers: dict[object, tuple[MyDigits, Answered]] = st.session_state.setdefault(_ANSWERS, {})
    network = (run.folder, run.info.model_sha256, epoch)
    kept = answers.pop(network, None)
    if kept is None or kept[0] is not digits:
        with st.spinner("The network reads your digits …", show_time=True):
            kept = digits, my_answers(digits, run_id, epoch)
    answers[network] = kept
    if len(answers) > _RUNS_KEPT:
        del answers[next(iter(answers))]  # that which was not asked for longest
    return kept[1]


def remember(pixels: NDArray[np.uint8]) -> None:
    """Ask which digit was meant, uint8 (28, 28), and keep it with that label."""
    # Each picture has its own answer.
    key = f"meant-{hashlib.sha256(pixels.tobytes()).hexdigest()[:16]}"
    if key not in st.session_state:
        st.session_state[key] = label_of(my_digits(), pixels)
    st.pills(
        "What did you mean?",
        range(CLASSES),
        key=key,
        wrap=True,
        on_change=partial(_keep, key, pixels),
        help="Say it, and the digit becomes a test digit of yours: the Confusions page counts how "
        f"often a run is wrong on them. The last {MOST} are kept, for this visit only and in the "
        "server's memory only: nothing is written to disk. Press the same number again to take it "
        "back.",
    )
    digits = my_digits()
    if digits:
        _what_is_kept(len(digits))


def _keep(key: str, pixels: NDArray[np.uint8]) -> None:
    label: int | None = st.session_state[key]
    digits = my_digits()
    st.session_state[_DIGITS] = (
        without(digits, pixels) if label is None else keep(digits, pixels, label)
    )


def _what_is_kept(count: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{count} {'digit' if count == 1 else 'digits'} labelled in this visit, kept in "
            "memory only.",
            width="content",
        )
        confusions = pages().get("confusion")
        if confusions:
            st.page_link(
                confusions,
                label="Which ones are misread",
                icon=":material/grid_view:",
                query_params={"digits": MINE},
            )
        st.button(
            "Forget them",
            icon=":material/delete:",
            type="tertiary",
            on_click=_forget,
            key="my-digits-forget",
        )


def _forget() -> None:
    st.session_state.pop(_DIGITS, None)
    st.session_state.pop(_ANSWERS, None)
    for key in [name for name in st.session_state if str(name).startswith("meant-")]:
        del st.session_state[key]
