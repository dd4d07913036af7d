"""One digit on the dataset page: its pixels, label, nearest neighbors, and the runs' answers."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.statistics import SplitName, class_similarity, ink_share, nearest_neighbors, split_of
from core.evaluation.examples import predictions_for
from core.figures.html import (
    PIXEL_SCALINGS,
    TENSOR_SHAPES,
    PixelScaling,
    describe_normalization,
    one_hot,
    pixel_table_html,
)
from core.runs import registry
from core.runs.run import Run
from core.utils.errors import DigitscopeError
from core.utils.text import percent
from pages.widgets.components.digit_grid import Cell, digit_grid
from pages.widgets.shared.digit_choice import back_to_grid, choose_index, open_digit
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import enlarge

_NEIGHBORS = 10
_OF_THE_TUTORIALS = (0, 7777)
_SCALINGS: dict[PixelScaling, str] = {
    "raw": "0 to 255",
    "divide-255": "÷ 255",
    "l2-axis-1": "normalize(axis=1)",
}


def digit_view(dataset: str, split: SplitName) -> None:
    """Draw the details of a digit that the visitor chooses by its index.

    Args:
        dataset: name of a dataset.
        split: the split of the digit.

    Raises:
        DigitscopeError: if the dataset cannot be loaded.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        index = choose_index(dataset, split)
        if index is not None:
            _steps(index, len(split_of(dataset, split)))
        st.button("Back to the grid", icon=":material/grid_view:", on_click=back_to_grid)
    if index is None:
        return
    digits = split_of(dataset, split)
    image, label = digits.images[index], int(digits.labels[index])
    left, right = st.columns([1, 2], gap="medium")
    with left:
        st.image(
            enlarge(255 - image, 10),
            caption=f"Number {index:,} of the {_split_name(split)} digits, label {label}",
            width=280,
            alt=f"A digit with the label {label}",
        )
        st.caption(
            f"{ink_share(dataset, split)[index]:.1f} % of it is ink; "
            "its likeness to the mean image of "
            f"all digits labeled {label} is "
            f"{class_similarity(dataset, split)[index]:.2f} (1 is the same)."
        )
        _label(label)
        _answers(dataset, split, index, label)
    with right:
        _numbers(image)
        _shapes()
    _neighbors(image, dataset, split, index)


def _steps(index: int, count: int) -> None:
    for name, icon, target in (
        ("Before", "chevron_left", index - 1),
        ("Next", "chevron_right", index + 1),
    ):
        st.button(
            name,
            icon=f":material/{icon}:",
            on_click=open_digit,
            args=(target,),
            disabled=not 0 <= target < count,
            key=f"dataset-{icon}",
        )
    for tutorial_index in _OF_THE_TUTORIALS if count > max(_OF_THE_TUTORIALS) else ():
        st.button(
            f"No. {tutorial_index:,}",
            type="tertiary",
            on_click=open_digit,
            args=(tutorial_index,),
            help="A digit that the tutorials look at",
            key=f"dataset-to-{tutorial_index}",
        )


def _split_name(split: SplitName) -> str:
    return "training" if split == "train" else "test"


def _numbers(image: NDArray[np.uint8]) -> None:
    st.header("Its numbers", anchor=False)
    shown: PixelScaling = st.segmented_control(
        "Scaling",
        PIXEL_SCALINGS,
        default="raw",
        required=True,
        format_func=_SCALINGS.__getitem__,
        key="scaling",
        bind="query-params",
        persist_state="session",
        label_visibility="collapsed",
    )
    st.html(pixel_table_html(image, shown))
    st.caption(describe_normalization(image, shown))


def _label(label: int) -> None:
    st.header("Its label", anchor=False)
    st.write(f"As a whole number, for the loss `sparse_categorical_crossentropy`: `{label}`")
    st.write("One-hot, for `categorical_crossentropy`: one place for each digit, 1 at its own.")
    st.code("[" + ", ".join(map(str, one_hot(label))) + "]", language=None, wrap_lines=True)


def _shapes() -> None:
    st.header("Its shape", anchor=False)
    for name, axes in TENSOR_SHAPES:
        shape = ", ".join(str(axis.size) for axis in axes)
        st.write(f"{name}: `({shape})`")
        st.caption(" · ".join(f"**{axis.size}** {axis.meaning}" for axis in axes))


def _answers(dataset: str, split: SplitName, index: int, label: int) -> None:
    st.header("Answers of the shipped runs", anchor=False)
    if split == "train":
        st.caption(
            "These runs have learned from the training digits, so their answers would say "
            "little. Choose a test digit."
        )
        return
    rows = []
    for run in registry.list_shipped():
        if not isinstance(run, Run):
            continue
        try:
            answers = predictions_for(run, dataset, split)
        except DigitscopeError:
            continue
        read = int(answers.predicted[index])
        rows.append(
            {
                "run": run.id,
                "answer": str(read),
                "how sure": plain(percent(float(answers.confidence[index]))),
                "": "right" if read == label else "wrong",
            }
        )
    st.table(rows, hide_index=True, width="content", alt="Each run's answer to this digit")


def _neighbors(image: NDArray[np.uint8], dataset: str, split: SplitName, index: int) -> None:
    st.header("The most alike training digits", anchor=False)
    neighbors = nearest_neighbors(
        image, dataset, _NEIGHBORS, skip=index if split == "train" else None
    )
    train = split_of(dataset, "train")

    digit_grid(
        train.images[[neighbor.index for neighbor in neighbors]],
        [
            Cell(
                neighbor.index,
                f"Training digit {neighbor.index}, label {neighbor.label}",
                str(neighbor.label),
            )
            for neighbor in neighbors
        ],
        key="dataset-neighbors",
        on_open=lambda other: open_digit(other, "train"),
    )
    labels = [neighbor.label for neighbor in neighbors]
    most = max(set(labels), key=labels.count)
    st.caption(
        f"By the difference of their pixels, on average {neighbors[0].distance:.0f} of 255 for the "
        f"nearest. {labels.count(most)} of {len(labels)} are labeled {most}: reading a digit like "
        "this, by its neighbors, is the oldest way (3.1 to 5 % wrong: LeCun et al., 1998)."
    )
