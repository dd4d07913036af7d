"""The widgets of the settings: each shows a value of the draft, and changes it in a callback.

Before a widget is drawn, it gets the draft's value if its own differs. So a preset, a link or the
other level of the form can change a setting, and every widget follows at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from core.recipes.descriptions import GLOSSARY
from core.recipes.draft import Block, Draft, SingleLayer
from core.utils.validation import Bounds
from pages.widgets.train.settings_state import change, state

_NO_VALUE = object()


@dataclass(frozen=True)
class Setting:
    """A value of the draft that a widget edits.

    Attributes:
        key: the widget's key.
        value: the value in the draft.
        changed: returns a draft with another value.
        tip: the tooltip.
    """

    key: str
    value: Any
    changed: Callable[[Draft, Any], Draft]
    tip: str


def setting(path: str, tip: str = "") -> Setting:
    """Return a setting of the recipe.

    Args:
        path: its path, such as `optimizer.learning_rate`.
        tip: the tooltip; the glossary's text if empty.
    """
    return Setting(
        f"settings-{path}",
        state().draft.get(path),
        lambda draft, value: draft.with_setting(path, value),
        tip or GLOSSARY[path],
    )


def block_setting(number: int, block: Block, name: str, word: str) -> Setting:
    """Return a setting of one block of the network.

    Args:
        number: the block's number in the draft.
        block: the block.
        name: the attribute of the block or its layer.
        word: the glossary's key for the tooltip.
    """

    def changed(draft: Draft, value: Any) -> Draft:
        old: Any = draft.block(number)
        # A preset chosen in the same moment may have put another kind of block there.
        if type(_holder(old)) is not type(_holder(block)):
            return draft
        if isinstance(old, SingleLayer):
            layer = old.layer.model_copy(update={name: value})
            return draft.with_block(number, replace(old, layer=layer))
        return draft.with_block(number, replace(old, **{name: value}))

    key = f"settings-block-{number}-{name}"
    return Setting(key, getattr(_holder(block), name), changed, GLOSSARY[word])


def _holder(block: Block | None) -> Any:
    """Return the object with the settings: the block, or the layer of a single-layer block."""
    return block.layer if isinstance(block, SingleLayer) else block


def in_force(field_setting: Setting, value: Any, *, used: bool) -> Setting:
    """Return the setting; while it is not used, with the `value` that is in force instead."""
    return field_setting if used else replace(field_setting, value=value)


def _show(field_setting: Setting) -> dict[str, Any]:
    """Set the widget's value, and return the arguments that all widgets share."""
    if st.session_state.get(field_setting.key, _NO_VALUE) != field_setting.value:
        st.session_state[field_setting.key] = field_setting.value
    return {"key": field_setting.key, "on_change": _take, "args": (field_setting,)}


def _take(field_setting: Setting) -> None:
    value = st.session_state.get(field_setting.key)
    if value is None:  # an emptied number field
        return
    # A slider adds up its steps: 0.1 + 0.2 must not enter the link as 0.30000000000000004.
    value = float(f"{value:.6g}") if isinstance(value, float) else value
    change(field_setting.changed(state().draft, value))


def _tip(field_setting: Setting, reason: str) -> str:
    return reason or field_setting.tip


def slider(
    field_setting: Setting,
    label: str,
    limits: Bounds,
    *,
    step: float = 1,
    form: str = "%d",
    reason: str = "",
) -> None:
    """Draw a slider.

    Args:
        field_setting: the setting.
        label: the label of the widget.
        limits: the least and the largest value.
        step: the step.
        form: the format of the value, as for `st.slider`.
        reason: why it is disabled, for its tooltip; empty if it is enabled.
    """
    low, high = limits
    if low == high:  # a server's limit can leave one value; a slider needs two
        st.number_input(label, disabled=True, value=low, help=_tip(field_setting, reason))
        return
    st.slider(
        label,
        low,
        high,
        step=step,
        format=form,
        help=_tip(field_setting, reason),
        disabled=bool(reason),
        **_show(field_setting),
    )


def scale(
    field_setting: Setting,
    label: str,
    values: Sequence[Any],
    *,
    words: Callable[[Any], str] = str,
) -> None:
    """Draw a slider over listed numbers.

    Args:
        field_setting: the setting.
        label: the label of the widget.
        values: the numbers; the draft's value is added if it is not among them.
        words: formats a number.
    """
    options = sorted({*values, field_setting.value})
    st.select_slider(
        label, options, format_func=words, help=field_setting.tip, **_show(field_setting)
    )


def number(field_setting: Setting, label: str, limits: Bounds, *, step: float, form: str) -> None:
    """Draw a field for a number.

    Args:
        field_setting: the setting.
        label: the label of the widget.
        limits: the least and the largest value.
        step: the step.
        form: the format of the value, as for `st.number_input`.
    """
    # On the simple level the same setting may be a slider: two widgets, two keys.
    typed = replace(field_setting, key=f"{field_setting.key}-number")
    low, high = limits
    # With None as its default, an emptied field is None, and the draft's value comes back; any
    # other default would be taken for something that was typed.
    st.number_input(
        label, low, high, value=None, step=step, format=form, help=field_setting.tip, **_show(typed)
    )


def choice(
    field_setting: Setting,
    label: str,
    options: Sequence[str],
    *,
    words: dict[str, str] | None = None,
) -> None:
    """Draw a menu of names.

    Args:
        field_setting: the setting.
        label: the label of the widget.
        options: the names.
        words: the shown texts of names; others are shown as they are.
    """
    shown = words or {}
    st.selectbox(
        label,
        options,
        format_func=lambda name: shown.get(name, name),
        help=field_setting.tip,
        **_show(field_setting),
    )


def listed(
    field_setting: Setting, label: str, options: Sequence[str], *, captions: Sequence[str]
) -> None:
    """Draw a choice of one name, all visible, each with a caption."""
    st.radio(label, options, captions=captions, help=field_setting.tip, **_show(field_setting))


def switch(field_setting: Setting, label: str, *, reason: str = "") -> None:
    """Draw a toggle. With a `reason` it is disabled, and its tooltip says why."""
    st.toggle(
        label,
        wrap=True,
        help=_tip(field_setting, reason),
        disabled=bool(reason),
        **_show(field_setting),
    )
