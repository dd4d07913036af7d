"""Plotly figures of a dataset's facts: data in, figure out."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from core.palette import DIGITS

_HEIGHT = 280


def class_bars(counts: Sequence[int], text_colour: str | None = None) -> go.Figure:
    """How many of each digit there are: ten bars in the digits' colours, with their numbers.

    `counts`: ten numbers. Raises ValueError for any other count.
    """
    if len(counts) != len(DIGITS):
        raise ValueError(f"expected ten counts, got {len(counts)}")
    figure = go.Figure(
        go.Bar(
            x=[str(digit) for digit in range(10)],
            y=list(counts),
            marker_color=list(DIGITS),
            text=[f"{count:,}" for count in counts],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            hovertemplate="%{y:,} digits are labelled %{x}<extra></extra>",
        )
    )
    _lay_out(figure, text_colour)
    figure.update_xaxes(type="category", title_text="label")
    figure.update_yaxes(visible=False, range=[0, 1.15 * max(*counts, 1)])
    return figure


def grey_histogram(counts: Sequence[int], text_colour: str | None = None) -> go.Figure:
    """How many pixels have each grey value, 256 of them, on a logarithmic axis.

    Logarithmic, because four of five pixels are 0. Raises ValueError for any other count.
    """
    if len(counts) != 256:
        raise ValueError(f"expected 256 counts, got {len(counts)}")
    figure = go.Figure(
        go.Scatter(
            x=list(range(256)),
            y=[count or None for count in counts],
            mode="lines",
            line={"shape": "hvh", "width": 1, "color": DIGITS[0]},
            fill="tozeroy",
            hovertemplate="%{y:,} pixels have the value %{x}<extra></extra>",
        )
    )
    _lay_out(figure, text_colour)
    figure.update_xaxes(title_text="value of a pixel: 0 paper, 255 full ink", range=[-2, 257])
    figure.update_yaxes(type="log", title_text="pixels (logarithmic)", dtick=1)
    return figure


def _lay_out(figure: go.Figure, text_colour: str | None) -> None:
    written: dict[str, Any] = {"color": text_colour}
    figure.update_layout(
        height=_HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        showlegend=False,
        font=written,
        bargap=0.2,
    )
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(tickfont=written, title_font=written, fixedrange=True)
