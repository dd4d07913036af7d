"""A network from its digit to its prediction, layer by layer: a component of clickable rows."""

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
    """An image of a layer.

    Attributes:
        url: URL of the image.
        width: Its width on the page, in pixels.
        words: Its description for screen readers.
    """

    url: str
    width: int
    words: str


@dataclass(frozen=True)
class Bar:
    """The bar of a digit's probability.

    Attributes:
        digit: The digit, 0 to 9.
        part: Its probability, 0 to 1.
        words: The probability as text.
        answer: Whether the digit is the prediction.
    """

    digit: int
    part: float
    words: str
    answer: bool


@dataclass(frozen=True)
class Stage:
    """A row: a layer of the network, or the digit.

    Attributes:
        name: Name of the layer; empty if the row cannot be opened.
        title: Title of the row.
        facts: Shape and number of parameters, as text.
        pictures: Images of the layer.
        bars: The ten probabilities; empty for all but the last layer.
        then: Small layers between this row and the next, each by name and description.
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
    """Draw the rows one below the other.

    Args:
        stages: The rows.
        key: Key of the widget.
        on_open: Called with the name of a layer that was clicked, before the next run of the
            script.
        chosen: Name of the layer that is marked; None if there is none.
    """

    def opened() -> None:
        name = st.session_state[key].opened
        if name:
            on_open(str(name))

    _component(
        key=key,
        data={"stages": [asdict(stage) for stage in stages], "chosen": chosen},
        on_opened_change=opened,
    )
