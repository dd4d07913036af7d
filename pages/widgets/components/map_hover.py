"""The digit below the pointer on a map: a component, since Plotly's hover shows only text."""

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
    """Show the dataset's digits below the pointer on a Plotly chart.

    Where the server has no endpoint for the pictures, the hover stays text only.

    Args:
        dataset: Name of the dataset.
        chart: Key of the chart; its points have their index as `customdata`, its traces their split
            as `meta`.
    """
    _component(
        key=f"{chart}-hover",
        data={"address": f"{DIGIT_ADDRESS}/{dataset}", "chart": chart},
        height=1,
    )
