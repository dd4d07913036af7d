"""Colors and line styles of all figures, and layout that they share.

This is the only palette: every figure and every page takes its colors from here. Color, dash and
marker together tell the lines of a few runs apart.

The ten digit colors are M. A. Petroff's sequence for ten categories (arXiv:2107.02270), chosen by
a survey for looks among sequences that stay apart for readers with any color vision.
`.streamlit/config.toml` repeats them, because it cannot import.
"""

from collections.abc import Sized
from typing import Any, Final, Literal

import plotly.graph_objects as go

from core.utils.validation import Parameter

DIGIT_COLORS: Final = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
Theme = Literal["light", "dark"]
TEXT_COLORS: Final = {"light": "#10151f", "dark": "#e8ecf1"}
"""The text color of each theme, as in `config.toml`."""
DIVERGING_SCALES: Final = {
    "light": (
        "#67001f",
        "#b2182b",
        "#d6604d",
        "#f4a582",
        "#fddbc7",
        "#d1e5f0",
        "#92c5de",
        "#4393c3",
        "#2166ac",
        "#053061",
    ),
    "dark": (
        "#ffadad",
        "#c4756a",
        "#8c402c",
        "#501803",
        "#280d01",
        "#11191e",
        "#1a4256",
        "#2e7699",
        "#5ba4db",
        "#9eb0ff",
    ),
}
"""For weights and other numbers around zero, from the most negative (red) to the most positive
(blue), of each theme; `config.toml` says where they come from."""


def theme_name(theme: str | None) -> Theme:
    """The theme of a page: the light one where Streamlit does not say."""
    return "dark" if theme == "dark" else "light"


def rgb(color: str) -> tuple[int, ...]:
    """A color of the palette, "#rrggbb", as three numbers from 0 to 255."""
    return tuple(bytes.fromhex(color.removeprefix("#")))


ERROR_COLOR: Final = "#ff4b4b"
"""What cannot be; never alone, but with words. Streamlit's red: 3.3 to 1 on the light theme's
background, 5.7 on the dark one's."""
ANSWER_COLOR: Final = "#3f90da"
"""What the network answers."""
OTHER_COLOR: Final = "#94a4a2"
"""What it did not answer."""
LINE_STYLES: Final = (
    (DIGIT_COLORS[0], "solid", "circle"),
    (DIGIT_COLORS[6], "dash", "square"),
    (DIGIT_COLORS[8], "dot", "diamond"),
    (DIGIT_COLORS[5], "dashdot", "triangle-up"),
)

_UNITS: Final = {"°": "degrees", "×": "factor", "px": "pixels", "%%": "%"}
"""The unit of an axis by a sign in the format of a parameter's values."""


def line_style(place: int) -> dict[str, Any]:
    """Lines and markers of the run at that place, 0 to 3, for `go.Scatter`."""
    color, dash, symbol = LINE_STYLES[place]
    return {
        "mode": "lines+markers",
        "line": {"color": color, "dash": dash, "width": 2},
        "marker": {"symbol": symbol, "size": 8, "color": color},
        # A point that was clicked on leaves the others as they are.
        "unselected": {"marker": {"opacity": 1}},
    }


def check_run_count(runs: Sized, most: int = len(LINE_STYLES), *, least: int = 0) -> None:
    """Check the number of runs in a chart.

    Raises:
        ValueError: there are fewer than `least` or more than `most`.
    """
    if not least <= len(runs) <= most:
        raise ValueError(f"expected at least {least} and at most {most} runs, not {len(runs)}")


def axis_unit(parameter: Parameter[Any]) -> str:
    """Name the unit of a corruption's or an edit's parameter, for the title of an axis."""
    units = (unit for sign, unit in _UNITS.items() if sign in parameter.format)
    return next(units, "gray levels")


def set_layout(figure: go.Figure, height: int, text_color: str | None, **more: Any) -> None:
    """Set narrow margins, a legend above, and one color for all text.

    Args:
        figure: the figure.
        height: in pixels.
        text_color: of all text; None keeps Plotly's.
        **more: further properties of the layout.
    """
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "title": None},
        font={"color": text_color},
        **more,
    )
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(tickfont={"color": text_color}, title_font={"color": text_color})


def set_curve_layout(figure: go.Figure, height: int, text_color: str | None) -> None:
    """Set the layout of `set_layout`, and turn off zooming by dragging."""
    set_layout(figure, height, text_color, dragmode=False)
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(fixedrange=True, automargin=True)


def mark_epoch(figure: go.Figure, x: float | str, words: str, text_color: str | None) -> None:
    """A dashed upright line at a place that was chosen, with a word beside its foot."""
    figure.add_vline(x=x, line={"color": OTHER_COLOR, "width": 2, "dash": "dash"})
    figure.add_annotation(
        x=x,
        y=0,
        yref="paper",
        text=words,
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        font={"color": text_color, "size": 12},
    )


def frame_column(figure: go.Figure, column: int, rows: int, text_color: str | None) -> None:
    """A frame around a column of a heat map with so many rows."""
    figure.add_shape(
        type="rect",
        x0=column - 0.5,
        x1=column + 0.5,
        y0=-0.5,
        y1=rows - 0.5,
        line={"color": text_color or OTHER_COLOR, "width": 2},
    )


def in_figure(name: str) -> str:
    """A name as it is: Plotly would read tags in it."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
