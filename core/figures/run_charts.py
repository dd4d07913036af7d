"""Runs as points: how many mistakes for how many parameters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from core.figures.style import LINE_STYLES, in_figure, set_layout

_HEIGHT = 340


@dataclass(frozen=True)
class RunPoint:
    """A run in the chart.

    Attributes:
        name: of the run.
        parameters: of its network.
        wrong: mistakes on MNIST's 10,000 test digits.
        group: its legend entry.
    """

    name: str
    parameters: int
    wrong: int
    group: str


def errors_by_parameters(points: Sequence[RunPoint], text_color: str | None = None) -> go.Figure:
    """Draw mistakes against parameters, both axes logarithmic: lower left is better.

    Args:
        points: the runs; those of a group have the same marker.
        text_color: of all text; None keeps Plotly's.

    Returns:
        The chart; each point's `customdata` is the run's name.
    """
    figure = go.Figure()
    sizes = [point.parameters for point in points]
    middle = math.sqrt(min(sizes, default=1) * max(sizes, default=1))
    groups = list(dict.fromkeys(point.group for point in points))
    for group, (color, _, symbol) in zip(groups, LINE_STYLES, strict=False):
        members = [point for point in points if point.group == group]
        figure.add_scatter(
            x=[point.parameters for point in members],
            y=[point.wrong for point in members],
            text=[in_figure(point.name) for point in members],
            customdata=[point.name for point in members],
            name=group,
            mode="markers+text",
            # Beside the point, to the side that has room: points lie on top of one another, too.
            textposition=[
                "middle left" if point.parameters > middle else "middle right" for point in members
            ],
            textfont={"color": text_color},
            marker={"color": color, "symbol": symbol, "size": 11},
            hovertemplate="%{text}: %{y} wrong, %{x:,} parameters<extra></extra>",
        )
    set_layout(figure, _HEIGHT, text_color)
    figure.update_xaxes(type="log", title="parameters", **_ticks(sizes))
    figure.update_yaxes(
        type="log",
        title="wrong of 10,000 test digits",
        **_ticks([point.wrong for point in points]),
    )
    return figure


def _ticks(values: Sequence[int]) -> dict[str, list[int] | list[str]]:
    """Ticks at 1, 2 and 5 times the powers of ten that the values reach."""
    least, most = max(min(values, default=1), 1), max(values, default=1)
    steps = [
        step * 10**power
        for power in range(int(math.log10(least)), int(math.log10(max(most, 1))) + 1)
        for step in (1, 2, 5)
    ]
    return {"tickvals": steps, "ticktext": [f"{step:,}" for step in steps]}
