"""A Plotly figure of one kernel with its numbers written in: data in, figure out."""

from typing import Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.palette import DIVERGING

_WRITTEN: Final = 8
"""Pictures up to so many weights a side have their numbers written in."""


def kernel_figure(
    kernel: NDArray[np.float32],
    end: float,
    *,
    spatial: bool = True,
    theme: str = "light",
    text_colour: str | None = None,
) -> go.Figure:
    """A kernel's weights, (height, width), in the colours of all: red -`end`, blue `end`.

    `spatial`: whether they are places of a picture; else they are those of single inputs, row by
    row. Weights that are not finite are left empty. Of large pictures only the pointer tells the
    numbers.
    """
    colours = DIVERGING["dark" if theme == "dark" else "light"]
    height, width = kernel.shape
    few = max(height, width) <= _WRITTEN
    where = "row %{y}, column %{x}" if spatial else "input %{customdata}"
    figure = go.Figure(
        go.Heatmap(
            z=np.where(np.isfinite(kernel), kernel, np.nan),
            colorscale=[[k / (len(colours) - 1), colour] for k, colour in enumerate(colours)],
            zmin=-end,
            zmax=end,
            showscale=False,
            hoverongaps=False,
            customdata=np.arange(height * width).reshape(height, width),
            hovertemplate=f"{where}: %{{z:.4f}}<extra></extra>",
            xgap=1 if few else 0,
            ygap=1 if few else 0,
            # Plotly writes in black or white, whichever can be read on the cell's colour.
            texttemplate="%{z:.2f}" if few else None,
        )
    )
    figure.update_layout(
        height=320,
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": text_colour},
    )
    figure.update_xaxes(visible=False, fixedrange=True, constrain="domain")
    figure.update_yaxes(
        visible=False, fixedrange=True, autorange="reversed", scaleanchor="x", constrain="domain"
    )
    return figure
