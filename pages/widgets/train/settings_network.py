"""The full level of the settings: the network, a list of blocks and the settings of one."""

from dataclasses import replace

import streamlit as st

from core.recipes.architecture import (
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAverage,
    Pool,
)
from core.recipes.descriptions import GLOSSARY
from core.recipes.draft import (
    NEW_BLOCKS,
    NORMS,
    POOLINGS,
    ConvBlock,
    DenseBlock,
    Draft,
    PlacedBlock,
    SingleLayer,
)
from core.utils.validation import Bounds, bounds, choices
from pages.widgets.train.settings_fields import (
    Setting,
    block_setting,
    choice,
    scale,
    slider,
    switch,
)
from pages.widgets.train.settings_simple import square
from pages.widgets.train.settings_state import change, state

_LIST = "settings-block"
_PANE_WIDTH = 340
_CONTROL_WIDTH = 140
_OUTPUTS = ("softmax", "sigmoid")
_JOINTS: dict[str, Flatten | GlobalAverage] = {
    "flatten": Flatten(),
    "global-average": GlobalAverage(),
}
_JOINT_NAMES = {kind: str(layer) for kind, layer in _JOINTS.items()}
_RARE = [name for name in NEW_BLOCKS if name not in {"conv block", "dense layer"}]


def layers() -> None:
    """Draw the list of blocks, the buttons to move, add and remove them, and the chosen block."""
    with st.grid(min_column_width=_PANE_WIDTH, gap=("small", "medium")):
        with st.container():
            chosen = _list()
            _actions(chosen.number)
            _additions(chosen.number)
        with st.container(border=True):
            st.markdown(f"**{chosen.block}**")
            _editor(chosen)


def _list() -> PlacedBlock:
    """Draw the list, and return the block that is chosen in it."""
    current = state()
    placed = {entry.number: entry for entry in current.draft.blocks}
    if current.selected not in placed:
        current.selected = next(iter(placed))
    if st.session_state.get(_LIST) != current.selected:
        st.session_state[_LIST] = current.selected
    places = dict(zip(placed, current.draft.layer_numbers(), strict=True))

    def shown(number: int) -> str:
        first, last = places[number]
        return f"**{first if first == last else f'{first}–{last}'}** · {placed[number].block}"

    st.radio(
        "Layers, from the digit to the answer",
        list(placed),
        format_func=shown,
        key=_LIST,
        on_change=_select,
    )
    return placed[current.selected]


def _select() -> None:
    state().selected = st.session_state[_LIST]


def _actions(number: int) -> None:
    draft = state().draft
    last = draft.blocks[-1].number
    with st.container(horizontal=True, gap="xsmall"):
        for label, icon, by in (("Up", "arrow_upward", -1), ("Down", "arrow_downward", 1)):
            st.button(
                label,
                icon=f":material/{icon}:",
                key=f"settings-{label.lower()}",
                disabled=not draft.may_move(number, by),
                on_click=_move,
                args=(number, by),
            )
        st.button(
            "Remove",
            icon=":material/delete:",
            key="settings-remove",
            disabled=number == last,
            help="The output stays: ten units, one for each digit." if number == last else None,
            on_click=_remove,
            args=(number,),
        )


def _additions(number: int) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        for name in ("conv block", "dense layer"):
            st.button(
                name.capitalize(),
                icon=":material/add:",
                key=f"settings-add-{name}",
                help=f"Add a {name} after the chosen layer, or as close to it as possible.",
                on_click=_add,
                args=(name, number),
            )
        st.menu_button(
            "More",
            _RARE,
            icon=":material/add:",
            key="settings-add",
            on_click=_add_rare,
            args=(number,),
        )


def _move(number: int, by: int) -> None:
    change(state().draft.moved(number, by))


def _remove(number: int) -> None:
    blocks = [entry.number for entry in state().draft.blocks]
    change(state().draft.removed(number))
    if number in blocks[:-1]:
        state().selected = blocks[blocks.index(number) + 1]


def _add(name: str, after: int) -> None:
    draft, number = state().draft.added(name, after)
    change(draft)
    state().selected = number


def _add_rare(after: int) -> None:
    name = st.session_state["settings-add"]
    if name in NEW_BLOCKS:
        _add(name, after)


def _editor(chosen: PlacedBlock) -> None:
    number, block = chosen
    if isinstance(block, SingleLayer) and isinstance(block.layer, BatchNorm):
        st.caption(f"{GLOSSARY[block.layer.kind]} There is nothing to set.")
        return
    with st.grid(min_column_width=_CONTROL_WIDTH, gap=("small", "medium")):
        if isinstance(block, ConvBlock):
            _conv(number, block)
        elif isinstance(block, DenseBlock):
            _dense(number, block, output=chosen == state().draft.blocks[-1])
        else:
            _single(number, block)


def _conv(number: int, block: ConvBlock) -> None:
    def of(name: str, word: str = "") -> Setting:
        return block_setting(number, block, name, word or f"conv.{name}")

    slider(of("filters"), "Filters", bounds(Conv, "filters"))
    scale(of("kernel_size"), "Kernel size", _whole(bounds(Conv, "kernel_size")), words=square)
    choice(of("activation"), "Activation", choices(Conv, "activation"))
    choice(of("batch_norm", "batch-norm"), "Batch norm", NORMS)
    choice(of("pool", "pool"), "Pooling", POOLINGS)
    if block.pool != "none":
        sizes = _whole(bounds(Pool, "size"))
        scale(of("pool_size", "pool.size"), "Pooling size", sizes, words=square)
    _dropout(of("dropout", "dropout"))
    choice(of("padding"), "Padding", choices(Conv, "padding"))
    switch(of("use_bias"), "Bias")


def _dense(number: int, block: DenseBlock, *, output: bool) -> None:
    def of(name: str, word: str = "") -> Setting:
        return block_setting(number, block, name, word or f"dense.{name}")

    if output:
        choice(of("activation"), "Activation of the ten outputs", _OUTPUTS)
        return
    slider(of("units"), "Units", bounds(Dense, "units"))
    choice(of("activation"), "Activation", choices(Dense, "activation"))
    choice(of("batch_norm", "batch-norm"), "Batch norm", NORMS)
    _dropout(of("dropout", "dropout"))


def _single(number: int, block: SingleLayer) -> None:
    def of(name: str) -> Setting:
        return block_setting(number, block, name, f"{block.layer.kind}.{name}")

    if isinstance(block.layer, Pool):
        choice(of("mode"), "Kind", choices(Pool, "mode"))
        scale(of("size"), "Size", _whole(bounds(Pool, "size")), words=square)
    elif isinstance(block.layer, Dropout):
        _dropout(of("rate"))
    elif isinstance(block.layer, Activation):
        choice(of("activation"), "Activation", choices(Activation, "activation"))
    elif isinstance(block.layer, Flatten | GlobalAverage):
        choice(_joint(number, block), "From maps to one vector", tuple(_JOINTS), words=_JOINT_NAMES)


def _joint(number: int, block: SingleLayer) -> Setting:
    def changed(draft: Draft, kind: str) -> Draft:
        return draft.with_block(number, replace(block, layer=_JOINTS[kind]))

    kind = block.layer.kind
    return Setting(f"settings-block-{number}-joint", kind, changed, GLOSSARY[kind])


def _dropout(rate: Setting) -> None:
    slider(rate, "Dropout", bounds(Dropout, "rate"), step=0.05, form="%.2f")


def _whole(limits: Bounds) -> range:
    return range(int(limits.low), int(limits.high) + 1)
