"""The full level: which digits are learnt from, how they are changed, and what is checked on."""

import streamlit as st

from core.augmentation_preview import sheet
from core.bounds import bounds, choices
from core.datasets import CLASSES, load
from core.errors import DatasetError
from core.glossary import GLOSSARY
from core.limits import Limits
from core.recipes import Augmentation, Recipe
from pages.widgets.settings_fields import choice, in_force, setting, slider, switch
from pages.widgets.settings_simple import COLUMN_WIDTH, augmentation_switch, dataset
from pages.widgets.settings_state import state
from pages.widgets.words import plain

_NEEDS_VALIDATION = "Goes by the validation loss: choose something to validate on."
_NEVER_IN = "The sample's training digits are others than its test digits anyway."
_VALIDATION = {
    "none": "Nothing",
    "split": "A part of the training digits",
    "test": "The test digits",
}
_SCALINGS = {
    "divide-255": "divided by 255",
    "standardise": "standardised",
    "l2-axis-1": "each column to length 1",
}
_CHANGED_ROWS = 3
_ENLARGED = 2
_SEED = "settings-preview-seed"


def data(allowed: Limits) -> None:
    """Draw dataset, scaling, validation, and what goes by it."""
    dataset(allowed)
    sample = state().draft.get("dataset") == "mnist-sample"
    switch(
        in_force(setting("exclude_sample_test"), True, used=not sample),
        "Keep the sample's test digits out of training",
        reason=_NEVER_IN if sample else "",
    )
    with st.grid(min_column_width=COLUMN_WIDTH, gap=("small", "medium")):
        choice(setting("scaling"), "Pixels", choices(Recipe, "scaling"), words=_SCALINGS)
        _validation()


def _validation() -> None:
    draft = state().draft
    how = setting("validation", GLOSSARY["validate_on_test"])
    choice(how, "Validate on", tuple(_VALIDATION), words=_VALIDATION)
    split = draft.get("validation") == "split"
    slider(
        in_force(setting("validation_split"), 0.0, used=split),
        "Part kept for validation",
        bounds(Recipe, "validation_split"),
        step=0.01,
        form="percent",
        reason="" if split else "Only when a part of the training digits is validated on.",
    )
    used = draft.validates
    reason = "" if used else _NEEDS_VALIDATION
    slider(
        in_force(setting("early_stopping"), 0, used=used),
        "Early stopping: patience (0: off)",
        bounds(Recipe, "early_stopping"),
        reason=reason,
    )
    best = in_force(setting("keep_best"), False, used=used)
    switch(best, "Keep the best epoch", reason=reason)


def augmentation() -> None:
    """Draw the strength of each change, and what they do to one digit of each kind."""
    augmentation_switch()
    _preview(state().draft.augmentation)
    with st.grid(min_column_width=COLUMN_WIDTH, gap=("small", "medium")):
        _strength("rotation", "Rotation (degrees)", 1)
        _strength("shear", "Shear (degrees)", 1)
        _strength("width_shift", "Shift left or right", 0.01)
        _strength("height_shift", "Shift up or down", 0.01)
        _strength("zoom", "Zoom", 0.01)


def _strength(name: str, label: str, step: float) -> None:
    it = setting(f"augmentation.{name}")
    form = "%g" if step == 1 else "percent"
    slider(it, label, bounds(Augmentation, name), step=float(step), form=form)


def _preview(wanted: Augmentation) -> None:
    try:
        train = load("mnist-sample").train
    except DatasetError as error:
        st.warning(plain(str(error)), icon=":material/database_off:")
        return
    one_of_each = [int((train.labels == digit).argmax()) for digit in range(CLASSES)]
    seed: int = st.session_state.setdefault(_SEED, 0)
    pixels = sheet(train.images[one_of_each], wanted, _CHANGED_ROWS, seed)
    st.image(
        pixels.repeat(_ENLARGED, axis=0).repeat(_ENLARGED, axis=1),
        width=_ENLARGED * pixels.shape[1],
        alt="Ten digits, and below each of them three that augmentation made of it",
    )
    below = "what the network may see instead, new every time." if wanted.active else "the same."
    st.caption(f"First row: the digits as they are. Below: {below}")
    st.button("Show others", icon=":material/casino:", on_click=_other_draws)


def _other_draws() -> None:
    st.session_state[_SEED] += _CHANGED_ROWS
