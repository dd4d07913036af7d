"""The digit below the pointer on the map: a component, since Plotly's hover holds only text."""

from pathlib import Path

import streamlit as st

DIGIT_ADDRESS = "digit"
_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "digitscope_map_hover",
    html='<img class="digit" alt="The digit below the pointer" hidden>',
    css=(_HERE / "map_hover.css").read_text(encoding="utf-8"),
    js=(_HERE / "map_hover.js").read_text(encoding="utf-8"),
)


def map_hover(dataset: str, chart: str) -> None:
    """Show the dataset's digits below the pointer on the chart with the key `chart`.

    Its points have their index as `customdata`, its traces their split as `meta`. A server without
    the address of the pictures leaves it at the text.
    """
    _component(
        key=f"{chart}-hover",
        data={"address": f"{DIGIT_ADDRESS}/{dataset}", "chart": chart},
        height=1,
    )
