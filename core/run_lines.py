"""How the lines of a few runs look in a Plotly figure: colour, dash and marker tell them apart."""

from typing import Any, Final

import plotly.graph_objects as go

from core.palette import DIGITS, OTHER

LINES: Final = (
    (DIGITS[0], "solid", "circle"),
    (DIGITS[6], "dash", "square"),
    (DIGITS[8], "dot", "diamond"),
    (DIGITS[5], "dashdot", "triangle-up"),
)


def look(place: int) -> dict[str, Any]:
    """Lines and markers of the run at that place, 0 to 3, for `go.Scatter`."""
    colour, dash, symbol = LINES[place]
    return {
        "mode": "lines+markers",
        "line": {"color": colour, "dash": dash, "width": 2},
        "marker": {"symbol": symbol, "size": 8, "color": colour},
        # A point that was clicked on leaves the others as they are.
        "unselected": {"marker": {"opacity": 1}},
    }


def lay_out(figure: go.Figure, height: int, text_colour: str | None) -> None:
    """Margins, legend above, and all that is written in one colour; nothing zooms by accident."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "title": None},
        font={"color": text_colour},
        dragmode=False,
    )
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(
            tickfont={"color": text_colour},
            title_font={"color": text_colour},
            fixedrange=True,
            automargin=True,
        )


def mark(figure: go.Figure, x: float | str, words: str, text_colour: str | None) -> None:
    """A dashed upright line at a place that was chosen, with a word beside its foot."""
    figure.add_vline(x=x, line={"color": OTHER, "width": 2, "dash": "dash"})
    figure.add_annotation(
        x=x,
        y=0,
        yref="paper",
        text=words,
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        font={"color": text_colour, "size": 12},
    )


def frame_column(figure: go.Figure, column: int, rows: int, text_colour: str | None) -> None:
    """A frame around a column of a heat map with so many rows."""
    figure.add_shape(
        type="rect",
        x0=column - 0.5,
        x1=column + 0.5,
        y0=-0.5,
        y1=rows - 0.5,
        line={"color": text_colour or OTHER, "width": 2},
    )


def in_figure(name: str) -> str:
    """A name as it is: Plotly would read tags in it."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
