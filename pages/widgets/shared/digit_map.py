"""A chart of digits as points on a map: a click chooses a digit, the pointer shows one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from core.data.projection import Points
from core.data.statistics import SplitName
from core.figures.dataset_charts import MapMark, digit_at_point, projection_chart
from pages.widgets.components.map_hover import map_hover
from pages.widgets.shared.pictures import text_color


def draw_digit_map(
    dataset: str,
    points: Sequence[Points],
    marks: Sequence[MapMark],
    axes: tuple[str, str] | None,
    on_click: Callable[[SplitName, int], None],
    *,
    key: str,
    config: Mapping[str, Any],
    alt: str,
) -> None:
    """Draw the map.

    Args:
        dataset: Name of the dataset of the digits.
        points: The digits by label.
        marks: Further points, with their names.
        axes: Titles of x and y; None if they mean nothing.
        on_click: Receives the split and the index of a clicked digit.
        key: Key of the chart.
        config: Settings of Plotly's toolbar.
        alt: Description of the chart for screen readers.
    """

    def clicked() -> None:
        digit = digit_at_point(points, st.session_state[key].selection.points)
        if digit:
            on_click(*digit)

    st.plotly_chart(
        projection_chart(points, marks, axes, text_color()),
        theme="streamlit",
        key=key,
        on_select=clicked,
        selection_mode="points",
        config=dict(config),
        alt=alt,
    )
    map_hover(dataset, key)
