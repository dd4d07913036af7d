"""Plotly figure of an ablation: the ten probabilities with a map and without it."""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from core.palette import ANSWER, OTHER
from core.text import percent

_WRITTEN: Final = 0.005
"""Smaller probabilities are told by the pointer alone."""


def with_and_without(
    whole: Sequence[float], without: Sequence[float], text_colour: str | None = None
) -> go.Figure:
    """Two bars for each of ten digits: with the map (plain) and without it (striped).

    Both: ten probabilities from 0 to 1; ValueError for any other count.
    """
    if len(whole) != 10 or len(without) != 10:
        raise ValueError(f"expected ten probabilities, got {len(whole)} and {len(without)}")
    figure = go.Figure()
    for name, values, colour, pattern in (
        ("with it", whole, OTHER, ""),
        ("without it", without, ANSWER, "/"),
    ):
        figure.add_bar(
            name=name,
            x=list(values),
            y=[str(digit) for digit in range(10)],
            orientation="h",
            marker={"color": colour, "pattern": {"shape": pattern}, "line": {"width": 0}},
            text=[percent(value) if value >= _WRITTEN else "" for value in values],
            textposition="outside",
            textfont={"size": 11, "color": text_colour},
            cliponaxis=False,
            hovertemplate=f"%{{y}}, {name}: %{{x:.3%}}<extra></extra>",
        )
    figure.update_layout(
        barmode="group",
        height=400,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        bargap=0.2,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        font={"color": text_colour},
    )
    figure.update_xaxes(range=[0, 1.18], visible=False, fixedrange=True)
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        fixedrange=True,
        ticks="",
        tickfont={"size": 16, "color": text_colour},
    )
    return figure
