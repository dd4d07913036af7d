"""One setting, one widget: it shows the draft, changes it in a callback, and explains itself.

A widget is given its value before it is drawn whenever that differs from the draft's. So a preset,
a link or the other level of the form can change a setting, and every widget follows at once.
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
    """A value of the draft: its widget's key, what it is, how to change it, and what it means."""

    key: str
    value: Any
    changed: Callable[[Draft, Any], Draft]
    tip: str


def setting(path: str, tip: str = "") -> Setting:
    """A setting of the recipe by its path, such as `optimizer.learning_rate`."""
    return Setting(
        f"settings-{path}",
        state().draft.get(path),
        lambda draft, value: draft.with_setting(path, value),
        tip or GLOSSARY[path],
    )


def block_setting(number: int, block: Block, name: str, word: str) -> Setting:
    """A setting of one block; `word` is where the glossary explains it."""

    def changed(draft: Draft, value: Any) -> Draft:
        old: Any = draft.block(number)
        # A preset that was chosen in the same moment may have put something else there.
        if type(_holder(old)) is not type(_holder(block)):
            return draft
        if isinstance(old, SingleLayer):
            layer = old.layer.model_copy(update={name: value})
            return draft.with_block(number, replace(old, layer=layer))
        return draft.with_block(number, replace(old, **{name: value}))

    key = f"settings-block-{number}-{name}"
    return Setting(key, getattr(_holder(block), name), changed, GLOSSARY[word])


def _holder(block: Block | None) -> Any:
    """What has the settings: the block, or the layer that stands by itself."""
    return block.layer if isinstance(block, SingleLayer) else block


def in_force(it: Setting, value: Any, *, used: bool) -> Setting:
    """The setting, or the `value` that it amounts to while it is not used; the draft keeps it."""
    return it if used else replace(it, value=value)


def _show(it: Setting) -> dict[str, Any]:
    """Give the widget its value, and what every widget is called with."""
    if st.session_state.get(it.key, _NO_VALUE) != it.value:
        st.session_state[it.key] = it.value
    return {"key": it.key, "on_change": _take, "args": (it,)}


def _take(it: Setting) -> None:
    value = st.session_state.get(it.key)
    if value is None:  # a number that was deleted and not written anew
        return
    # A slider adds up its steps: 0.1 + 0.2 shall not go into the link as 0.30000000000000004.
    value = float(f"{value:.6g}") if isinstance(value, float) else value
    change(it.changed(state().draft, value))


def _tip(it: Setting, reason: str) -> str:
    return reason or it.tip


def slider(
    it: Setting, label: str, limits: Bounds, *, step: float = 1, form: str = "%d", reason: str = ""
) -> None:
    """A slider within bounds. With a `reason` it is shut, and its tooltip says why."""
    low, high = limits
    if low == high:  # a server's limit can leave no choice, and a slider needs one
        st.number_input(label, disabled=True, value=low, help=_tip(it, reason))
        return
    st.slider(
        label,
        low,
        high,
        step=step,
        format=form,
        help=_tip(it, reason),
        disabled=bool(reason),
        **_show(it),
    )


def scale(
    it: Setting,
    label: str,
    values: Sequence[Any],
    *,
    words: Callable[[Any], str] = str,
) -> None:
    """A slider over listed numbers; the draft's own value joins them if it is none of them."""
    options = sorted({*values, it.value})
    st.select_slider(label, options, format_func=words, help=it.tip, **_show(it))


def number(it: Setting, label: str, limits: Bounds, *, step: float, form: str) -> None:
    """A number to type, within bounds."""
    # On the simple level the same setting may be a slider: two widgets, two keys.
    typed = replace(it, key=f"{it.key}-number")
    low, high = limits
    # With None as its default, an emptied field is None, and the draft's value comes back; any
    # other default would be taken for something that was typed.
    st.number_input(
        label, low, high, value=None, step=step, format=form, help=it.tip, **_show(typed)
    )


def choice(
    it: Setting, label: str, options: Sequence[str], *, words: dict[str, str] | None = None
) -> None:
    """One of a few names."""
    shown = words or {}
    st.selectbox(
        label, options, format_func=lambda name: shown.get(name, name), help=it.tip, **_show(it)
    )


def listed(it: Setting, label: str, options: Sequence[str], *, captions: Sequence[str]) -> None:
    """One of a few names, all in sight, each with a sentence."""
    st.radio(label, options, captions=captions, help=it.tip, **_show(it))


def switch(it: Setting, label: str, *, reason: str = "") -> None:
    """On or off."""
    st.toggle(label, wrap=True, help=_tip(it, reason), disabled=bool(reason), **_show(it))
