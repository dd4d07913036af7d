"""Plotly figures: data in, figure out. Nothing here knows of runs, pages or TensorFlow."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.palette import ANSWER, OTHER
from core.text import percent


def probability_bars(
    probabilities: Sequence[float] | None, text_colour: str | None = None
) -> go.Figure:
    """Ten horizontal bars, one a digit, 0 at the top; the answer stands out by colour and weight.

    `probabilities`: ten numbers from 0 to 1, or None while there is nothing to show yet.
    `text_colour`: of all that is written; the theme's pale grey if it is not given. Raises
    ValueError for any other count.
    """
    values = [0.0] * 10 if probabilities is None else list(probabilities)
    if len(values) != 10:
        raise ValueError(f"expected ten probabilities, got {len(values)}")
    answer = None if probabilities is None else max(range(10), key=lambda digit: values[digit])
    figure = go.Figure(
        go.Bar(
            x=values,
            y=[str(digit) for digit in range(10)],
            orientation="h",
            marker_color=[ANSWER if digit == answer else OTHER for digit in range(10)],
            marker_line_width=0,
            text=["" if answer is None else _bold_if(k == answer, v) for k, v in enumerate(values)],
            textposition="outside",
            textfont={"size": 14, "color": text_colour},
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2%}<extra></extra>",
        )
    )
    # The chart redraws after every stroke: what has not changed must not move.
    figure.update_layout(
        height=330,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        showlegend=False,
        bargap=0.25,
        uirevision="probabilities",
    )
    figure.update_xaxes(range=[0, 1.18], visible=False, fixedrange=True)
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        fixedrange=True,
        ticks="",
        tickfont={"size": 16, "color": text_colour},
        title=None,
    )
    return figure


def _bold_if(stands_out: bool, probability: float) -> str:
    return f"<b>{percent(probability)}</b>" if stands_out else percent(probability)
