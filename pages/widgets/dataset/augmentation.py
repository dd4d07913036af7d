"""The augmentation playground: a digit is augmented, and a run reads the result."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.augmentation import AugmentationDraw, apply_draw, draw_augmentations, example_draws
from core.data.statistics import SplitName, split_of
from core.evaluation.robustness import (
    TopPrediction,
    augmentation_hint,
    augmentation_score_sentence,
    describe_augmentation,
    top_predictions,
)
from core.utils.errors import DigitscopeError
from pages.widgets.components.digit_grid import Cell, digit_grid
from pages.widgets.dataset.augmentation_controls import augmentation_sliders
from pages.widgets.shared.digit_choice import choose_index
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import enlarge
from pages.widgets.shared.run_picker import NO_RUN, network_in_use
from pages.widgets.shared.warm_up import predictor

Digits = NDArray[np.uint8]
_SEED, _SHOWN = "augment-seed", "augment-shown"
_OF_EACH, _THIS = "Six of each digit", "This digit only"
_FACTOR = 6
_FRAME = 148
"""Gray value of the frame, distinct from white and black."""


def augmentation_view(dataset: str, split: SplitName) -> None:
    """Draw the playground for a digit that the visitor chooses by its index.

    Args:
        dataset: name of a dataset.
        split: the split of the digit.

    Raises:
        DigitscopeError: if the dataset cannot be loaded.
    """
    st.write(
        "**Augmentation** changes every digit a little, at random, each time the network "
        "learns from it, and keeps its label: so the network sees more handwriting than there "
        "is. Change it enough to be new, but not so much that it becomes another digit."
    )
    index = choose_index(dataset, split)
    if index is not None:
        st.fragment(_play)(dataset, split, index)


def _play(dataset: str, split: SplitName, index: int) -> None:
    digits = split_of(dataset, split)
    seed: int = st.session_state.setdefault(_SEED, 0)
    pictures, settings = st.columns([2, 3], gap="large")
    with settings:
        strengths = augmentation_sliders()
    chosen = _throw_controls(dataset, split, index)
    changes = [strengths, *draw_augmentations(strengths, len(chosen), seed)]
    seen = apply_draw(digits.images[[index, *chosen]], changes, seed)
    with pictures:
        _two(digits.images[index], seen[0], strengths)
        # The digit unchanged and changed, and the grid, in one batch.
        run_readings = _read(np.concatenate([digits.images[[index]], seen]))
        if run_readings:
            name, (before, after, *_) = run_readings
            _say(name, int(digits.labels[index]), before, after)
    labels = digits.labels[chosen].tolist()
    if run_readings:
        st.write(plain(augmentation_score_sentence(run_readings[0], labels, run_readings[1][2:])))
    _grid(seen[1:], labels, changes[1:], run_readings[1][2:] if run_readings else None)


def _throw_controls(dataset: str, split: SplitName, index: int) -> NDArray[np.intp]:
    """Draw the controls of the grid, and return the indices of its digits."""
    st.header("At random", anchor=False)
    st.caption(
        "As in training: each amount is drawn at random for each digit, between zero and the "
        "slider, in both directions where there are two."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        grid_choice = st.segmented_control(
            "Digits of the grid",
            [_OF_EACH, _THIS],
            default=_OF_EACH,
            required=True,
            key="augment-grid-of",
            persist_state="session",
            label_visibility="collapsed",
        )
        st.button("Draw again", icon=":material/casino:", key="augment-throw", on_click=_again)
    of_each = example_draws(dataset, split)
    return of_each if grid_choice == _OF_EACH else np.full(len(of_each), index)


def _again() -> None:
    st.session_state[_SEED] += 1
    st.session_state.pop(_SHOWN, None)


def _two(before: Digits, after: Digits, most: AugmentationDraw) -> None:
    with st.container(horizontal=True, gap="small"):
        for image, caption in ((before, "As it is"), (after, "Changed")):
            # A frame, so that a shift can be seen on a white page too.
            picture = np.pad(enlarge(255 - image, _FACTOR), 1, constant_values=_FRAME)
            st.image(
                picture,
                caption=caption,
                width=len(picture),
                alt=f"The digit, {caption.lower()}",
            )
    st.caption(f"Changed by exactly: {describe_augmentation(most)}.")


def _read(images: Digits) -> tuple[str, list[TopPrediction]] | None:
    """Return the name of the run in use and its answers; None, with a hint, if there are none."""
    try:
        network = network_in_use()
        if network is None:
            st.info(NO_RUN)
            return None
        with st.spinner("Loading the network: a few seconds, once …", show_time=True):
            probabilities = predictor(network).probabilities(images)
    except DigitscopeError as error:
        st.warning(plain(str(error)), icon=":material/broken_image:")
        return None
    return network.name, top_predictions(probabilities)


def _say(run: str, label: int, before: TopPrediction, after: TopPrediction) -> None:
    hint = augmentation_hint(run, label, before, after)
    if hint.is_other_digit:
        st.warning(plain(hint.text), icon=":material/swap_horiz:")
    else:
        st.info(plain(hint.text), icon=":material/visibility:")


def _grid(
    images: Digits,
    labels: list[int],
    changes: list[AugmentationDraw],
    readings: list[TopPrediction] | None,
) -> None:
    def show(place: int) -> None:
        st.session_state[_SHOWN] = place

    shown: int | None = st.session_state.get(_SHOWN)
    digit_grid(
        images,
        [
            _cell(place, label, readings[place] if readings else None)
            for place, label in enumerate(labels)
        ],
        key="augment-grid",
        on_open=show,
        chosen=shown,
    )
    if shown is None:
        st.caption("Click on one to see what was done to it. A dashed frame: it is misread.")
        return
    read = f" It is read as {readings[shown]}." if readings else ""
    st.caption(f"This {labels[shown]}: {describe_augmentation(changes[shown])}.{read}")


def _cell(place: int, label: int, reading: TopPrediction | None) -> Cell:
    words = f"Throw {place + 1}, label {label}"
    if reading is None:
        return Cell(place, words)
    wrong = reading.digit != label
    note = f"{label} → {reading.digit}" if wrong else ""
    return Cell(place, f"{words}, read as {reading}", note, wrong)
