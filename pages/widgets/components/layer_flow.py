"""A network from its digit to its answer, to click on: a component, for pictures in buttons."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "digitscope_layers",
    html='<ol class="layers"></ol>',
    css=(_HERE / "layer_flow.css").read_text(encoding="utf-8"),
    js=(_HERE / "layer_flow.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Picture:
    """An image's address, its width in pixels on the page, and what is to be seen."""

    url: str
    width: int
    words: str


@dataclass(frozen=True)
class Bar:
    """A probability: the digit's, from 0 to 1, in words, and whether it is the answer."""

    digit: int
    part: float
    words: str
    answer: bool


@dataclass(frozen=True)
class Stage:
    """A step of the network: `name` of its layer ("" for what cannot be opened), title, facts.

    `then`: the small layers on the way to the next step, each by name and what it is.
    """

    name: str
    title: str
    facts: str
    pictures: Sequence[Picture] = ()
    bars: Sequence[Bar] = ()
    then: Sequence[tuple[str, str]] = field(default=())


def layer_flow(
    stages: Sequence[Stage], *, key: str, on_open: Callable[[str], None], chosen: str | None = None
) -> None:
    """Draw the steps one below the other. `on_open` is called with the layer that was clicked."""

    def opened() -> None:
        name = st.session_state[key].opened
        if name:
            on_open(str(name))

    _component(
        key=key,
        data={"stages": [asdict(stage) for stage in stages], "chosen": chosen},
        on_opened_change=opened,
    )
