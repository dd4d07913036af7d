"""Plotly figures: data in, figure out. Nothing here knows of runs, pages or TensorFlow."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.palette import ANSWER, OTHER


def probability_bars(probabilities: Sequence[float]) -> go.Figure:
    """Ten horizontal bars, one a digit, 0 at the top; the answer stands out by colour and weight.

    `probabilities`: ten numbers from 0 to 1. Raises ValueError for any other count.
    """
    if len(probabilities) != 10:
        raise ValueError(f"expected ten probabilities, got {len(probabilities)}")
    answer = max(range(10), key=lambda digit: probabilities[digit])
    texts = [percent(p) for p in probabilities]
    texts[answer] = f"<b>{texts[answer]}</b>"
    figure = go.Figure(
        go.Bar(
            x=list(probabilities),
            y=[str(digit) for digit in range(10)],
            orientation="h",
            marker_color=[ANSWER if digit == answer else OTHER for digit in range(10)],
            text=texts,
            textposition="outside",
            textfont_size=14,
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2%}<extra></extra>",
        )
    )
    figure.update_layout(
        height=330,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        showlegend=False,
        bargap=0.25,
        # The chart redraws after every stroke: what has not changed must not move.
        transition_duration=0,
        uirevision="probabilities",
    )
    figure.update_xaxes(range=[0, 1.18], visible=False, fixedrange=True)
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        fixedrange=True,
        ticks="",
        tickfont={"size": 16},
        title=None,
    )
    return figure


def percent(fraction: float) -> str:
    """A probability for reading: "97 %", and never "0 %" or "100 %" for what is not quite that."""
    if 0 < fraction < 0.01:
        return "< 1 %"
    if 0.99 < fraction < 1:
        return "> 99 %"
    return f"{100 * fraction:.0f} %"
