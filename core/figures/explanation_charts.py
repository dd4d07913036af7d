"""Plotly figures for explanations: a kernel's weights, and the similarity of attribution maps."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.style import DIGIT_COLORS, DIVERGING_SCALES, theme_name


def similarity_lines(
    layers: Sequence[str],
    correlations: Mapping[str, Sequence[float | None]],
    text_color: str | None = None,
) -> go.Figure:
    """A line for each method, by its name: how alike its maps stay, -1 to 1, layer after layer.

    Markers and dashes, too, tell the lines apart; None leaves a gap.
    """
    styles = zip(
        DIGIT_COLORS, ("circle", "square", "diamond"), ("solid", "dash", "dot"), strict=False
    )
    figure = go.Figure(
        [
            go.Scatter(
                x=list(layers),
                y=list(values),
                name=name,
                mode="lines+markers",
                line={"color": color, "dash": dash, "width": 2},
                marker={"symbol": symbol, "size": 9},
                hovertemplate=f"{name}, random up to %{{x}}: %{{y:.2f}}<extra></extra>",
            )
            for (name, values), (color, symbol, dash) in zip(
                correlations.items(), styles, strict=False
            )
        ]
    )
    written: dict[str, Any] = {"color": text_color}
    figure.update_layout(
        height=300,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font=written,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": written},
    )
    figure.update_xaxes(
        title_text="random up to", title_font=written, tickfont=written, fixedrange=True
    )
    figure.update_yaxes(
        title_text="rank correlation",
        title_font=written,
        tickfont=written,
        range=[-1.05, 1.05],
        fixedrange=True,
    )
    return figure


_WRITTEN: Final = 8
"""Pictures up to so many weights a side have their numbers written in."""


def kernel_figure(
    kernel: NDArray[np.float32],
    end: float,
    *,
    spatial: bool = True,
    theme: str = "light",
    text_color: str | None = None,
) -> go.Figure:
    """A kernel's weights, (height, width), in the colors of all: red -`end`, blue `end`.

    `spatial`: whether they are places of a picture; else they are those of single inputs, row by
    row. Weights that are not finite are left empty. Of large pictures only the pointer tells the
    numbers.
    """
    colors = DIVERGING_SCALES[theme_name(theme)]
    height, width = kernel.shape
    few = max(height, width) <= _WRITTEN
    where = "row %{y}, column %{x}" if spatial else "input %{customdata}"
    figure = go.Figure(
        go.Heatmap(
            z=np.where(np.isfinite(kernel), kernel, np.nan),
            colorscale=[[k / (len(colors) - 1), color] for k, color in enumerate(colors)],
            zmin=-end,
            zmax=end,
            showscale=False,
            hoverongaps=False,
            customdata=np.arange(height * width).reshape(height, width),
            hovertemplate=f"{where}: %{{z:.4f}}<extra></extra>",
            xgap=1 if few else 0,
            ygap=1 if few else 0,
            # Plotly writes in black or white, whichever can be read on the cell's color.
            texttemplate="%{z:.2f}" if few else None,
        )
    )
    figure.update_layout(
        height=320,
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": text_color},
    )
    figure.update_xaxes(visible=False, fixedrange=True, constrain="domain")
    figure.update_yaxes(
        visible=False, fixedrange=True, autorange="reversed", scaleanchor="x", constrain="domain"
    )
    return figure
