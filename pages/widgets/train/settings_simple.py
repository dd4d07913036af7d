"""The simple level of the settings: six of them. The full level draws some of these too."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core.data.mnist import available
from core.recipes.architecture import Conv
from core.recipes.descriptions import GLOSSARY
from core.recipes.draft import ConvBlock, Draft
from core.recipes.recipe import Optimizer, Recipe
from core.runs.permissions import Limits
from core.utils.errors import DatasetError
from core.utils.validation import Bounds, bounds, choices
from pages.widgets.shared.markdown import plain
from pages.widgets.train.settings_fields import Setting, listed, scale, setting, slider, switch
from pages.widgets.train.settings_state import on_dataset, state

COLUMN_WIDTH = 200
_NO_CONVOLUTION = (
    "This network has no convolution, so there are no filters or kernels to set. Choose "
    "another preset, or add a convolution under Everything."
)
_ABOUT = {
    "mnist-sample": "4,000 training digits and 1,000 test digits. Always available, and quick.",
    "mnist": (
        "60,000 training digits and 10,000 test digits. An epoch takes about 15 times as long."
    ),
}
_AUGMENTATION = (
    "Turns, shifts, slants and stretches each digit a little, at random, so that no digit is "
    "seen twice the same. The network reads new digits better, but needs more epochs."
)
_DOWNLOAD = "Not on this machine yet: needs a download of 11 MB."


def simple(limits: Limits) -> None:
    """Draw the simple level."""
    with st.grid(2, min_column_width=COLUMN_WIDTH, gap=("small", "medium")):
        epochs(limits)
        scale(setting("optimizer.learning_rate"), "Learning rate", rates(), words=decimal)
        first = state().draft.first_conv
        if first:
            _filters(first)
            _kernel_size(first)
        else:
            st.caption(_NO_CONVOLUTION)
    augmentation_switch()
    dataset(limits)


def epochs(limits: Limits) -> None:
    """Draw the number of epochs, up to the recipe's or the server's limit, whichever is lower."""
    low, high = bounds(Recipe, "epochs")
    slider(setting("epochs"), "Epochs", Bounds(low, min(high, limits.epochs)))


def rates() -> Sequence[float]:
    """Return the learning rates 1, 2, 5, 10 ..., each times a power of ten, within bounds."""
    low, high = bounds(Optimizer, "learning_rate")
    steps = [float(f"{lead}e{power}") for power in range(-8, 2) for lead in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]


def decimal(value: float) -> str:
    """Format a number without an exponent: 0.00002."""
    return f"{value:.9f}".rstrip("0").rstrip(".")


def square(size: int) -> str:
    """Format a kernel size: 3×3."""
    return f"{size}×{size}"


def _filters(first: ConvBlock) -> None:
    filters = Setting(
        "settings-filters",
        first.filters,
        lambda draft, value: _with_knobs(draft, filters=value),
        GLOSSARY["conv.filters"] + " The other convolutions follow in proportion.",
    )
    slider(filters, "Filters of the first layer", bounds(Conv, "filters"))


def _kernel_size(first: ConvBlock) -> None:
    low, high = (int(end) for end in bounds(Conv, "kernel_size"))
    kernel_size = Setting(
        "settings-kernel-size",
        first.kernel_size,
        lambda draft, value: _with_knobs(draft, kernel_size=value),
        GLOSSARY["conv.kernel_size"] + " This sets those of all layers.",
    )
    scale(kernel_size, "Kernel size", range(low, high + 1), words=square)


def _with_knobs(draft: Draft, filters: int | None = None, kernel_size: int | None = None) -> Draft:
    first = draft.first_conv
    if first is None:
        return draft
    return draft.with_knobs(filters or first.filters, kernel_size or first.kernel_size)


def augmentation_switch() -> None:
    """Draw the toggle of augmentation; the draft keeps the strengths while it is off."""
    enabled = Setting(
        "settings-augment",
        state().draft.augmentation.active,
        lambda draft, value: draft.with_augmentation(value),
        _AUGMENTATION,
    )
    switch(enabled, "Augmentation")


def dataset(limits: Limits) -> None:
    """Draw the choice of the training dataset, with a caption for each."""
    chosen = replace(
        setting("dataset"), changed=lambda draft, name: on_dataset(draft, name, limits)
    )
    options = [name for name in choices(Recipe, "dataset") if name in limits.datasets]
    options.sort(key=lambda name: name != "mnist-sample")
    try:
        local: Sequence[str] = available()
    except DatasetError as error:
        st.warning(plain(str(error)), icon=":material/database_off:")
        local = ()
    captions = [f"{_ABOUT[name]} {'' if name in local else _DOWNLOAD}" for name in options]
    listed(chosen, "Dataset", options, captions=captions)
