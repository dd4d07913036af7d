"""Maps of what speaks for an answer as pictures: colours around zero, the digit as an outline."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import cv2
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.layer_pictures import coloured
from core.palette import DIGITS, TEXT, rgb

Theme = Literal["light", "dark"]
ZOOM: Final = 10
"""Pixels a side for each pixel of the digit."""
_HALF: Final = 127
_LINE: Final = 2


def overlay(
    values: NDArray[np.float32], image: NDArray[np.uint8], theme: Theme = "light"
) -> NDArray[np.uint8]:
    """A map (28, 28) in colours, red below zero and blue above, with a digit's outline: RGB uint8.

    The strongest colours are the largest magnitude, positive or negative; a map of zeros has the
    colour in the middle. `image`: uint8 (28, 28); its outline is where its ink is half strong.
    """
    found = coloured(values, float(np.abs(values).max()), theme)
    picture = found.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    large = cv2.resize(image, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_LINEAR)
    ink = (large > _HALF).astype(np.uint8)
    lines, _ = cv2.findContours(ink, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, lines, -1, rgb(TEXT[theme]), _LINE)
    return picture


def likeness_lines(
    layers: Sequence[str],
    correlations: Mapping[str, Sequence[float | None]],
    text_colour: str | None = None,
) -> go.Figure:
    """A line for each method, by its name: how alike its maps stay, -1 to 1, layer after layer.

    Markers and dashes, too, tell the lines apart; None leaves a gap.
    """
    styles = zip(DIGITS, ("circle", "square", "diamond"), ("solid", "dash", "dot"), strict=False)
    figure = go.Figure(
        [
            go.Scatter(
                x=list(layers),
                y=list(values),
                name=name,
                mode="lines+markers",
                line={"color": colour, "dash": dash, "width": 2},
                marker={"symbol": symbol, "size": 9},
                hovertemplate=f"{name}, random up to %{{x}}: %{{y:.2f}}<extra></extra>",
            )
            for (name, values), (colour, symbol, dash) in zip(
                correlations.items(), styles, strict=False
            )
        ]
    )
    written: dict[str, Any] = {"color": text_colour}
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
