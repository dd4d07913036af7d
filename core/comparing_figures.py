"""Plotly figures of several runs: data in, figure out. Dash and marker, too, tell runs apart."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.run_lines import LINES, in_figure, look

_PANELS = ((1, "val_loss", 1, "%{y:.4f}"), (2, "val_accuracy", 100, "%{y:.2f} %"))
MOST = len(LINES)
"""As many runs can be told apart in one chart."""


def curves(histories: Mapping[str, pd.DataFrame], text_colour: str | None = None) -> go.Figure:
    """Validation loss above validation accuracy, by epoch, of up to four runs by name.

    `histories`: frames with the columns epoch, val_loss, val_accuracy (0 to 1). Raises ValueError
    for more than four.
    """
    _check(histories)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for place, (name, history) in enumerate(histories.items()):
        for row, column, times, shown in _PANELS:
            figure.add_trace(
                go.Scatter(
                    x=history["epoch"].tolist(),
                    y=(history[column] * times).tolist(),
                    **look(place),
                    name=in_figure(name),
                    legendgroup=name,
                    showlegend=row == 1,
                    hovertemplate=f"epoch %{{x}}: {shown}<extra>{in_figure(name)}</extra>",
                ),
                row=row,
                col=1,
            )
    _lay_out(figure, height=480, text_colour=text_colour)
    figure.update_yaxes(title_text="validation loss", row=1)
    figure.update_yaxes(title_text="validation accuracy", ticksuffix=" %", row=2)
    figure.update_xaxes(dtick=_epoch_step(histories))
    figure.update_xaxes(title_text="epoch", row=2)
    return figure


def intervals(found: Mapping[str, Sequence[float]], text_colour: str | None = None) -> go.Figure:
    """Accuracies of up to four runs as points with their intervals, the first run at the top.

    `found`: by name (accuracy, low, high), fractions 0 to 1. Raises ValueError for more than four.
    """
    _check(found)
    figure = go.Figure()
    for place, (name, (accuracy, low, high)) in enumerate(found.items()):
        figure.add_trace(
            go.Scatter(
                x=[100 * accuracy],
                y=[in_figure(name)],
                error_x={
                    "type": "data",
                    "array": [100 * (high - accuracy)],
                    "arrayminus": [100 * (accuracy - low)],
                    "color": LINES[place][0],
                    "thickness": 2,
                },
                **look(place),
                name=in_figure(name),
                hovertemplate=(
                    f"%{{x:.2f}} % ({100 * low:.2f} to {100 * high:.2f} %)<extra>%{{y}}</extra>"
                ),
            )
        )
    _lay_out(figure, height=90 + 38 * len(found), text_colour=text_colour)
    figure.update_layout(showlegend=False)
    figure.update_xaxes(ticksuffix=" %", title_text="accuracy", nticks=5)
    figure.update_yaxes(autorange="reversed", type="category", automargin=True, fixedrange=True)
    return figure


def _check(runs: Mapping[str, Any]) -> None:
    if len(runs) > MOST:
        raise ValueError(f"at most {MOST} runs can be told apart in a chart, not {len(runs)}")


def _lay_out(figure: go.Figure, height: int, text_colour: str | None) -> None:
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "title": None},
        font={"color": text_colour},
    )
    figure.update_xaxes(tickfont={"color": text_colour}, title_font={"color": text_colour})
    figure.update_yaxes(tickfont={"color": text_colour}, title_font={"color": text_colour})


def _epoch_step(histories: Mapping[str, pd.DataFrame]) -> int:
    """Whole epochs on the axis, and no more than ten or so."""
    longest = max((len(history) for history in histories.values()), default=1)
    return max(1, round(longest / 10))
