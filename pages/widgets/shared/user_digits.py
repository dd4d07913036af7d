"""The visitor's own digits: labeled on the Predict page, kept for this visit.

They exist only in the session state: not on disk, and gone with the visit. Only fine-tuning writes
them to disk, and it asks first (`pages/widgets/shared/fine_tune.py`).
"""

import hashlib
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from core.data.mnist import CLASSES
from core.evaluation.user_digits import (
    MAX_DIGITS,
    USER_DIGITS,
    UserDigits,
    add_digit,
    as_split,
    find_label,
    find_labeled_digit,
    label_counts,
    user_predictions,
    without_digit,
)
from core.runs.predictions import Predictions
from core.runs.run import Network, Run
from core.utils.errors import DigitscopeError
from pages.widgets.components.digit_grid import Cell, digit_grid, read_cell
from pages.widgets.shared.fine_tune import fine_tune_view
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages
from pages.widgets.shared.run_picker import chosen_epoch, chosen_run, run_in_use
from pages.widgets.shared.user_digits_files import draw_downloads, draw_upload, forget_files

_DIGITS = "my-digits"
_ANSWERS = "my-digits-answers"
_OPEN = "my-digits-open"
_RUNS_KEPT = 4


def my_digits() -> UserDigits:
    """Return the digits that were labeled in this visit, in the order of labeling."""
    digits: UserDigits = st.session_state.get(_DIGITS, ())
    return digits


def set_my_digits(digits: UserDigits) -> None:
    """Replace the visitor's digits; for callbacks."""
    st.session_state[_DIGITS] = digits


def my_predictions(network: Network) -> Predictions:
    """Let a network read the visitor's digits, or look up what it read.

    Args:
        network: The network of a run, finished or after an epoch.

    Returns:
        The predictions; the same object until a digit or the network changes.

    Raises:
        DatasetError: The visitor has no digits.
        RunError: The network cannot be opened.
    """
    digits = my_digits()
    answers: dict[Network, tuple[UserDigits, Predictions]] = st.session_state.setdefault(
        _ANSWERS, {}
    )
    kept = answers.pop(network, None)
    if kept is None or kept[0] is not digits:
        with st.spinner("Reading your digits …", show_time=True):
            kept = digits, user_predictions(digits, network)
    answers[network] = kept
    if len(answers) > _RUNS_KEPT:
        del answers[next(iter(answers))]  # the least recently used
    return kept[1]


def remember(pixels: NDArray[np.uint8], key: str | None = None, answer: int | None = None) -> None:
    """Ask which digit was meant, and keep it with that label.

    Args:
        pixels: The digit, uint8 (28, 28).
        key: Tells several digits of one page apart; with it, no line about the whole collection is
            drawn (`my_digits_view` shows that).
        answer: What the run in use read, 0 to 9, kept with the label. With it there are the
            buttons "Right" and "Wrong" instead of the ten digits.
    """
    # Each picture has its own answer; two digits of a page may be identical.
    place = f"meant-{key}-" if key is not None else "meant-"
    place += hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
    label = find_label(my_digits(), pixels)
    if answer is None:
        _ask(place, pixels, label, None)
    else:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _right_or_wrong(place, pixels, label, answer)
    digits = my_digits()
    if digits and key is None:
        _collection_line(len(digits))


def _right_or_wrong(place: str, pixels: NDArray[np.uint8], label: int | None, answer: int) -> None:
    right, wrong = label == answer, label is not None and label != answer
    st.button(
        "Right",
        icon=":material/check:",
        type="primary" if right else "secondary",
        key=f"{place}-right",
        on_click=_toggle,
        args=(pixels, None if right else answer, answer),
        help=f"Keep it as one of your digits, a {answer}. Press again to undo.",
    )
    with st.popover(
        f"Wrong: a {label}" if wrong else "Wrong",
        icon=":material/close:",
        type="primary" if wrong else "secondary",
        help="Choose the digit you meant, and it is kept as one of your digits.",
    ):
        _ask(place, pixels, label, answer)


def _ask(place: str, pixels: NDArray[np.uint8], label: int | None, answer: int | None) -> None:
    # Set in each run: the same picture may have been labeled, or forgotten, elsewhere.
    st.session_state[place] = label
    st.pills(
        "What did you mean?",
        range(CLASSES),
        key=place,
        wrap=True,
        on_change=partial(_keep, place, pixels, answer),
        help="Choose its label, and it becomes one of your test digits: the Confusion matrix "
        f"page counts how many of them a run misreads. The last {MAX_DIGITS} are kept, "
        "for this visit only and in the server's memory only: nothing is written to "
        "disk. Press the same number again to undo.",
    )


def _keep(place: str, pixels: NDArray[np.uint8], answer: int | None) -> None:
    _toggle(pixels, st.session_state[place], answer)


def _toggle(pixels: NDArray[np.uint8], label: int | None, answer: int | None) -> None:
    """Keep the digit with this label, or remove it if the label is None."""
    digits = my_digits()
    if label is None:
        set_my_digits(without_digit(digits, pixels))
        return
    run_name = "" if answer is None else _run_name()
    set_my_digits(add_digit(digits, pixels, label, answer, run_name))


def _run_name() -> str:
    """Return the name of the run in use, with its epoch if it is not the finished network."""
    run, epoch = chosen_run() or "", chosen_epoch()
    return run if epoch is None else f"{run} (epoch {epoch})"


def _collection_line(count: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{count} {'digit' if count == 1 else 'digits'} labeled in this visit, kept in "
            "memory only.",
            width="content",
        )
        confusions_link()
        st.button(
            "Forget them",
            icon=":material/delete:",
            type="tertiary",
            on_click=forget_my_digits,
            key="my-digits-forget",
        )


def confusions_link() -> None:
    """Draw the link to the Confusion matrix page with the visitor's digits."""
    confusions = pages().get("confusion")
    if confusions:
        st.page_link(
            confusions,
            label="Which ones are misread",
            icon=":material/grid_view:",
            query_params={"digits": USER_DIGITS},
        )


def forget_my_digits() -> None:
    """Forget all digits and the predictions on them; for callbacks."""
    for key in (_DIGITS, _ANSWERS, _OPEN):
        st.session_state.pop(key, None)
    forget_files()
    for key in [name for name in st.session_state if str(name).startswith("meant-")]:
        del st.session_state[key]


def my_digits_view() -> None:
    """Draw the whole collection: the digits, the predictions of the run in use, fine-tuning."""
    digits, run = my_digits(), None
    st.caption(
        "Digits whose label you gave are kept for this visit, in the server's memory only: "
        "nothing is written to disk unless you let a run be fine-tuned on them. Download them "
        "as a file to use them another time."
    )
    if digits:
        run = _run()
        answered = _answered(run)
        _overview(digits, answered)
        _grid(digits, answered)
        _opened(digits)
        draw_downloads(digits)
    else:
        st.info(
            (
                "You have not labeled any digits in this visit. Draw or upload one, and choose "
                "its label."
            ),
            icon=":material/draw:",
        )
    draw_upload(digits, set_my_digits)
    fine_tune_view(digits, run)


def _run() -> Run | None:
    try:
        return run_in_use() if chosen_run() else None
    except DigitscopeError as error:
        st.warning(plain(str(error)), icon=":material/broken_image:")
        return None


def _answered(run: Run | None) -> Predictions | None:
    if run is None:
        return None
    try:
        return my_predictions(Network(run))
    except DigitscopeError as error:
        st.warning(plain(str(error)), icon=":material/broken_image:")
        return None


def _overview(digits: UserDigits, answered: Predictions | None) -> None:
    columns = ["Digit", "Yours", "Read right"]
    if answered is None:
        st.markdown(f"**{_count(len(digits))} of yours**")
    else:
        right = int(answered.correct.sum())
        st.markdown(
            f"**{_count(len(digits))} of yours: {plain(answered.name)} reads {right} right, "
            f"{len(digits) - right} wrong**"
        )
        if not answered.held_out:
            st.caption("It was fine-tuned on some of them, so this is no test.")
    rows = label_counts(digits, None if answered is None else answered.correct)
    table = pd.DataFrame(rows, columns=columns[: len(rows[0])])
    st.dataframe(table, hide_index=True, width="content")
    with st.container(horizontal=True, vertical_alignment="center"):
        confusions_link()
        st.button(
            "Forget all",
            icon=":material/delete:",
            type="tertiary",
            on_click=forget_my_digits,
            key="my-digits-forget-all",
        )


def _grid(digits: UserDigits, answered: Predictions | None) -> None:
    def opened(index: int) -> None:
        if index < len(digits):
            st.session_state[_OPEN] = digits[index].pixels

    cells = [
        Cell(k, f"digit {k + 1} of yours, label {digit.label}", str(digit.label))
        if answered is None
        else read_cell(k, f"digit {k + 1} of yours", digit.label, int(answered.predicted[k]))
        for k, digit in enumerate(digits)
    ]
    digit_grid(as_split(digits).images, cells, key="my-digits-grid", on_open=opened)
    st.caption("Click a digit to change its label or to remove it.")


def _opened(digits: UserDigits) -> None:
    pixels: NDArray[np.uint8] | None = st.session_state.get(_OPEN)
    if pixels is None:
        return
    digit = find_labeled_digit(digits, pixels)
    if digit is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        large = digit.pixels.repeat(4, axis=0).repeat(4, axis=1)
        st.image(large, width=112, alt="The digit as 28 by 28 gray pixels")
        with st.container(width="stretch"):
            if digit.answer is not None:
                st.caption(plain(f"Read as {digit.answer} by {digit.run}, when you labeled it."))
            place = f"meant-opened-{hashlib.sha256(digit.pixels.tobytes()).hexdigest()[:16]}"
            _ask(place, digit.pixels, digit.label, None)
            st.button(
                "Remove it",
                icon=":material/delete:",
                on_click=_toggle,
                args=(digit.pixels, None, None),
                key="my-digits-remove",
            )


def _count(number: int) -> str:
    return "1 digit" if number == 1 else f"{number} digits"
