"""The simple level: six settings that everybody can play with; the full level draws some too."""

from collections.abc import Sequence

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
from pages.widgets.train.settings_state import state

COLUMN_WIDTH = 200
_NO_CONVOLUTION = (
    "This network has no convolution, so there are no filters and no kernels to set. Start from "
    "another preset, or add a conv block under Everything."
)
_ABOUT = {
    "mnist-sample": "4,000 digits to learn from, 1,000 to test. Always there, and soon done.",
    "mnist": "60,000 digits to learn from, 10,000 to test. An epoch takes some 15 times as long.",
}
_AUGMENTATION = (
    "Turns, shifts, slants and stretches each digit a little at random, so that none is seen twice "
    "the same: what is learnt holds better for new digits, and takes more epochs."
)
_DOWNLOAD = "Not on this machine yet: 11 MB to download first."


def simple(allowed: Limits) -> None:
    """Draw the simple level."""
    with st.grid(2, min_column_width=COLUMN_WIDTH, gap=("small", "medium")):
        epochs(allowed)
        scale(setting("optimizer.learning_rate"), "Learning rate", rates(), words=decimal)
        first = state().draft.first_conv
        if first:
            _filters(first)
            _kernel_size(first)
        else:
            st.caption(_NO_CONVOLUTION)
    augmentation_switch()
    dataset(allowed)


def epochs(allowed: Limits) -> None:
    """The number of epochs, up to the recipe's bound or the server's, whichever is lower."""
    low, high = bounds(Recipe, "epochs")
    slider(setting("epochs"), "Epochs", Bounds(low, min(high, allowed.epochs)))


def rates() -> Sequence[float]:
    """The learning rates 1, 2, 5, 10 ... within the recipe's bounds."""
    low, high = bounds(Optimizer, "learning_rate")
    steps = [float(f"{lead}e{power}") for power in range(-8, 2) for lead in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]


def decimal(value: float) -> str:
    """A number without an exponent: 0.00002."""
    return f"{value:.9f}".rstrip("0").rstrip(".")


def square(size: int) -> str:
    """A size as people write it: 3×3."""
    return f"{size}×{size}"


def _filters(first: ConvBlock) -> None:
    it = Setting(
        "settings-filters",
        first.filters,
        lambda draft, value: _turned(draft, filters=value),
        GLOSSARY["conv.filters"] + " The other convolutions follow in proportion.",
    )
    slider(it, "Filters of the first layer", bounds(Conv, "filters"))


def _kernel_size(first: ConvBlock) -> None:
    low, high = (int(end) for end in bounds(Conv, "kernel_size"))
    it = Setting(
        "settings-kernel-size",
        first.kernel_size,
        lambda draft, value: _turned(draft, kernel_size=value),
        GLOSSARY["conv.kernel_size"] + " This sets those of all layers.",
    )
    scale(it, "Kernel size", range(low, high + 1), words=square)


def _turned(draft: Draft, filters: int | None = None, kernel_size: int | None = None) -> Draft:
    first = draft.first_conv
    if first is None:
        return draft
    return draft.with_knobs(filters or first.filters, kernel_size or first.kernel_size)


def augmentation_switch() -> None:
    """Augmentation on or off; its strengths are kept while it is off."""
    it = Setting(
        "settings-augment",
        state().draft.augmentation.active,
        lambda draft, value: draft.with_augmentation(value),
        _AUGMENTATION,
    )
    switch(it, "Augmentation")


def dataset(allowed: Limits) -> None:
    """Which digits to train on, and what each choice means."""
    it = setting("dataset")
    options = [name for name in choices(Recipe, "dataset") if name in allowed.datasets]
    options.sort(key=lambda name: name != "mnist-sample")
    try:
        here: Sequence[str] = available()
    except DatasetError as error:
        st.warning(plain(str(error)), icon=":material/database_off:")
        here = ()
    captions = [f"{_ABOUT[name]} {'' if name in here else _DOWNLOAD}" for name in options]
    listed(it, "Dataset", options, captions=captions)
