"""The full level: how the network is trained."""

import streamlit as st

from core.bounds import bounds, choices
from core.limits import Limits
from core.recipes import Optimizer, Recipe, Schedule
from pages.widgets.settings_fields import choice, in_force, number, scale, setting, slider
from pages.widgets.settings_simple import COLUMN_WIDTH, epochs
from pages.widgets.settings_state import state

_NEEDS_ONE_HOT = (
    "Only with the loss categorical_crossentropy: it mixes one-hot labels, and "
    "sparse_categorical_crossentropy takes integers."
)


def training(allowed: Limits) -> None:
    """Draw optimizer, schedule, loss, batch size, length and seed."""
    with st.grid(min_column_width=COLUMN_WIDTH, gap=("small", "medium")):
        epochs(allowed)
        _batch_size()
        _optimizer()
        _schedule()
        choice(setting("loss"), "Loss", choices(Recipe, "loss"))
        _label_smoothing()
        number(setting("seed"), "Seed", bounds(Recipe, "seed"), step=1, form="%d")


def _label_smoothing() -> None:
    smooths = state().draft.smooths
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
