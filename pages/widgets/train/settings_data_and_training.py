"""The full level of the settings: data, validation, augmentation, and training."""

import numpy as np
import streamlit as st

from core.data.augmentation import Augmentation
from core.data.mnist import CLASSES, load
from core.preprocessing.pens import augmentation_sheet
from core.recipes.descriptions import GLOSSARY
from core.recipes.recipe import Optimizer, Recipe, Schedule
from core.runs.permissions import Limits
from core.utils.errors import DatasetError
from core.utils.validation import bounds, choices
from pages.widgets.shared.markdown import plain
from pages.widgets.train.settings_fields import (
    choice,
    in_force,
    number,
    scale,
    setting,
    slider,
    switch,
)
from pages.widgets.train.settings_simple import COLUMN_WIDTH, augmentation_switch, dataset, epochs
from pages.widgets.train.settings_state import state

_NEEDS_VALIDATION = "Needs a validation loss: choose validation digits."
_NEVER_IN = "The sample's training and test digits are different anyway."
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


def data(limits: Limits) -> None:
    """Draw the dataset, scaling, validation, and the settings that depend on validation."""
    dataset(limits)
    sample = state().draft.get("dataset") == "mnist-sample"
    switch(
        in_force(setting("exclude_sample_test"), True, used=not sample),
        "Keep the sample's test digits out of training",
        reason=_NEVER_IN if sample else "",
    )
    with st.grid(min_column_width=COLUMN_WIDTH, gap=("small", "medium")):
        number(
            setting("train_size"),
            "Digits to train on (0: all)",
            bounds(Recipe, "train_size"),
            step=100,
            form="%d",
        )
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
    """Draw the strength of each change, and a preview on one digit of each class."""
    augmentation_switch()
    _preview(state().draft.augmentation)
    with st.grid(min_column_width=COLUMN_WIDTH, gap=("small", "medium")):
        _strength("rotation", "Rotation (degrees)", 1)
        _strength("shear", "Shear (degrees)", 1)
        _strength("width_shift", "Shift left or right", 0.01)
        _strength("height_shift", "Shift up or down", 0.01)
        _strength("zoom", "Zoom", 0.01)
        _strength("warp", "Elastic warp", 1)
        _strength("pens", "Redrawn with other pens", 0.05)
        _strength("corruptions", "Corrupted", 0.05)
        _strength("adversarial", "Adversarial push", 0.01)


def _strength(name: str, label: str, step: float) -> None:
    strength = setting(f"augmentation.{name}")
    form = "%g" if step == 1 else "percent"
    slider(strength, label, bounds(Augmentation, name), step=float(step), form=form)


def _preview(changes: Augmentation) -> None:
    try:
        train = load("mnist-sample").train
    except DatasetError as error:
        st.warning(plain(str(error)), icon=":material/database_off:")
        return
    one_of_each = [int((train.labels == digit).argmax()) for digit in range(CLASSES)]
    seed: int = st.session_state.setdefault(_SEED, 0)
    digits = train.take(np.array(one_of_each))
    pixels = augmentation_sheet(digits.images, digits.labels, changes, _CHANGED_ROWS, seed)
    st.image(
        pixels.repeat(_ENLARGED, axis=0).repeat(_ENLARGED, axis=1),
        width=_ENLARGED * pixels.shape[1],
        alt="Ten digits, and below each three augmented versions of it",
    )
    below = (
        "examples of what the network sees instead, different every time."
        if changes.active
        else "the same."
    )
    if changes.adversarial:
        below += " Adversarial pushes are not shown: they depend on what the network has learned."
    st.caption(f"First row: the digits as they are. Below: {below}")
    st.button("Show others", icon=":material/casino:", on_click=_other_draws)


def _other_draws() -> None:
    st.session_state[_SEED] += _CHANGED_ROWS


_NEEDS_ONE_HOT = (
    "Only with the loss categorical_crossentropy: it mixes one-hot labels, and "
    "sparse_categorical_crossentropy takes integers."
)


def training(limits: Limits) -> None:
    """Draw optimizer, schedule, loss, batch size, length and seed."""
    with st.grid(min_column_width=COLUMN_WIDTH, gap=("small", "medium")):
        epochs(limits)
        _batch_size()
        switch(setting("drop_remainder"), "Leave out a smaller last batch")
        _optimizer()
        _schedule()
        choice(setting("loss"), "Loss", choices(Recipe, "loss"))
        _label_smoothing()
        number(setting("seed"), "Seed", bounds(Recipe, "seed"), step=1, form="%d")


def _label_smoothing() -> None:
    smooths = state().draft.uses_label_smoothing
    slider(
        in_force(setting("label_smoothing"), 0.0, used=smooths),
        "Label smoothing",
        bounds(Recipe, "label_smoothing"),
        step=0.01,
        form="%.2f",
        reason="" if smooths else _NEEDS_ONE_HOT,
    )


def _batch_size() -> None:
    low, high = bounds(Recipe, "batch_size")
    powers = [2**k for k in range(20) if low <= 2**k <= high]
    scale(setting("batch_size"), "Batch size", powers)


def _optimizer() -> None:
    choice(setting("optimizer.kind"), "Optimizer", choices(Optimizer, "kind"))
    rate = bounds(Optimizer, "learning_rate")
    number(setting("optimizer.learning_rate"), "Learning rate", rate, step=0.0001, form="%g")
    name, label, step = ("beta_2", "Beta 2", 0.001) if _adam() else ("momentum", "Momentum", 0.01)
    limits = bounds(Optimizer, name)
    number(setting(f"optimizer.{name}"), label, limits, step=step, form="%g")
    decay = bounds(Optimizer, "weight_decay")
    slider(setting("optimizer.weight_decay"), "Weight decay", decay, step=0.005, form="%.3f")


def _adam() -> bool:
    return bool(state().draft.get("optimizer.kind") == "adam")


def _schedule() -> None:
    choice(setting("schedule.kind"), "Learning rate over time", choices(Schedule, "kind"))
    constant = state().draft.get("schedule.kind") == "constant"
    slider(
        in_force(setting("schedule.warmup"), 0.0, used=not constant),
        "Warm-up, part of all steps",
        bounds(Schedule, "warmup"),
        step=0.05,
        form="percent",
        reason="Only with one-cycle: a constant learning rate does not climb." if constant else "",
    )
