"""A Plotly figure of ten probabilities over the epochs: data in, figure out."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.datasets import CLASSES
from core.palette import DIVERGING
from core.run_lines import frame_column, lay_out
from core.text import percent

_BLUES: Final = {
    # From the background of the theme to a blue on which the theme's text can still be read.
    "light": [[0, "#ffffff"], [1, DIVERGING["light"][6]]],
    "dark": [[0, "#11191e"], [1, DIVERGING["dark"][7]]],
}
_WRITTEN: Final = 12
_ROW_PX: Final = 27
_LEAST: Final = 0.01


def probability_strip(
    names: Sequence[str],
    probabilities: NDArray[np.float32],
    at: int,
    label: int | None,
    *,
    theme: str = "light",
    text_colour: str | None = None,
) -> go.Figure:
    """A digit's ten probabilities, a row each, over the epochs, a column each.

    `names` of the epochs; `probabilities` (epochs, 10), 0 to 1, NaN where there are none. The
    column `at` is framed, and the row of the digit's `label` is marked, if it has one.
    """
    percents = 100 * probabilities.T
    rows = [f"<b>{digit} ◂</b>" if digit == label else str(digit) for digit in range(10)]
    figure = go.Figure(
        go.Heatmap(
            x=list(names),
            y=rows,
            z=percents,
            colorscale=_BLUES["dark" if theme == "dark" else "light"],
            zmin=0,
            zmax=100,
            showscale=False,
            hoverongaps=False,
            xgap=1,
            ygap=1,
            text=[[_written(value) for value in row] for row in probabilities.T.tolist()],
            texttemplate="%{text}" if len(names) <= _WRITTEN else None,
            textfont={"color": text_colour},
            hovertemplate="%{x}: %{y} with %{z:.1f} %<extra></extra>",
        )
    )
    lay_out(figure, 60 + 10 * _ROW_PX, text_colour)
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    frame_column(figure, at, CLASSES, text_colour)
    return figure


def _written(part: float) -> str:
    """A probability without its sign; nothing for less than 1."""
    return percent(part).removesuffix(" %") if part >= _LEAST else ""
