"""Plotly figures of a dataset: counts per class, gray values, and a projection of its digits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.data.mnist import CLASSES
from core.data.projection import Points
from core.data.statistics import SplitName
from core.figures.style import DIGIT_COLORS, TEXT_COLORS

_HEIGHT = 280


def class_bars(counts: Sequence[int], text_color: str | None = None) -> go.Figure:
    """Counts per class: ten bars in the digits' colors, with their numbers.

    `counts`: ten numbers. Raises ValueError for any other count.
    """
    if len(counts) != len(DIGIT_COLORS):
        raise ValueError(f"expected ten counts, got {len(counts)}")
    figure = go.Figure(
        go.Bar(
            x=[str(digit) for digit in range(10)],
            y=list(counts),
            marker_color=list(DIGIT_COLORS),
            text=[f"{count:,}" for count in counts],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            hovertemplate="%{y:,} digits are labeled %{x}<extra></extra>",
        )
    )
    _set_bar_layout(figure, text_color)
    figure.update_xaxes(type="category", title_text="label")
    figure.update_yaxes(visible=False, range=[0, 1.15 * max(*counts, 1)])
    return figure


def gray_histogram(counts: Sequence[int], text_color: str | None = None) -> go.Figure:
    """Histogram of the 256 gray values, on a logarithmic axis.

    Logarithmic, because four of five pixels are 0. Raises ValueError for any other count.
    """
    if len(counts) != 256:
        raise ValueError(f"expected 256 counts, got {len(counts)}")
    figure = go.Figure(
        go.Scatter(
            x=list(range(256)),
            y=[count or None for count in counts],
            mode="lines",
            line={"shape": "hvh", "width": 1, "color": DIGIT_COLORS[0]},
            fill="tozeroy",
            hovertemplate="%{y:,} pixels have the value %{x}<extra></extra>",
        )
    )
    _set_bar_layout(figure, text_color)
    figure.update_xaxes(title_text="value of a pixel: 0 paper, 255 full ink", range=[-2, 257])
    figure.update_yaxes(type="log", title_text="pixels (logarithmic)", dtick=1)
    return figure


def _set_bar_layout(figure: go.Figure, text_color: str | None) -> None:
    written: dict[str, Any] = {"color": text_color}
    figure.update_layout(
        height=_HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        showlegend=False,
        font=written,
        bargap=0.2,
    )
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(tickfont=written, title_font=written, fixedrange=True)


_MAP_HEIGHT: Final = 500
_DOT: Final = 4
_OPACITY: Final = 0.7
# A light tag with dark text can be read on both themes, and on dots of every color.
_TAG: Final = {"bgcolor": "rgba(255, 255, 255, 0.85)", "font": {"color": TEXT_COLORS["light"]}}
_TAG_WIDTH: Final = 0.05  # of the map's
_PUSHES: Final = 20
_ARROW: Final = 45  # pixels


@dataclass(frozen=True)
class MapMark:
    """A named extra point on the map."""

    name: str
    position: tuple[float, float]


def projection_chart(
    dots: Sequence[Points],
    marks: Sequence[MapMark] = (),
    axes: tuple[str, str] | None = None,
    text_color: str | None = None,
) -> go.Figure:
    """The digits as points in their labels' colors, each label's name at its median.

    Trace k is `dots[k]`, and point i of it the digit `dots[k].indices[i]`, so that a click can be
    understood; the marks come after them. `axes`: what x and y are, None if they mean nothing.
    """
    figure = go.Figure([_trace(points, k) for k, points in enumerate(dots)])
    _name_clusters(figure, dots)
    middle = np.median(np.concatenate([points.positions[:, 0] for points in dots]))
    for number, mark in enumerate(marks):
        # Its name stands towards the middle, where there is room; that of the next one below it.
        across = _ARROW if mark.position[0] < middle else -_ARROW
        _set_mark(figure, mark, (across, _ARROW if number % 2 else -_ARROW), text_color)
    _set_map_layout(figure, axes, text_color)
    return figure


def digit_at_point(
    dots: Sequence[Points], points: Sequence[Mapping[str, Any]]
) -> tuple[SplitName, int] | None:
    """The digit, by split and index, that was clicked on in a `projection_chart` of `dots`.

    `points`: as in a Plotly selection event, with `curve_number` and `point_index`. None if nothing
    or no digit was clicked on.
    """
    for point in points:
        trace, number = point["curve_number"], point["point_index"]
        if trace < len(dots):  # a mark comes after them
            return dots[trace].split, int(dots[trace].indices[number])
    return None


def _trace(points: Points, number: int) -> go.Scattergl:
    word = "Training" if points.split == "train" else "Test"
    return go.Scattergl(
        x=points.positions[:, 0],
        y=points.positions[:, 1],
        customdata=points.indices.astype(np.int32),
        mode="markers",
        marker={"color": DIGIT_COLORS[points.label], "size": _DOT, "opacity": _OPACITY},
        # The digit that was clicked grows; the others stay as they are.
        selected={"marker": {"size": 3 * _DOT, "opacity": 1}},
        unselected={"marker": {"opacity": _OPACITY}},
        name=str(points.label),
        meta=points.split,
        legendgroup=str(points.label),
        showlegend=number < CLASSES,  # one entry for a label, of whatever split
        hovertemplate=f"{word} digit %{{customdata:,}}<br>label {points.label}<extra></extra>",
    )


def _name_clusters(figure: go.Figure, dots: Sequence[Points]) -> None:
    """Write each label at the median of its points: color is not the only way to tell."""
    medians = np.array(
        [
            np.median(
                np.concatenate([points.positions for points in dots if points.label == label]),
                axis=0,
            )
            for label in range(CLASSES)
        ]
    )
    least = _TAG_WIDTH * float(np.ptp(np.concatenate([points.positions for points in dots])[:, 0]))
    for label, (x, y) in enumerate(_apart(medians, least).tolist()):
        figure.add_annotation(
            x=x,
            y=y,
            text=f"<b>{label}</b>",
            showarrow=False,
            bordercolor=DIGIT_COLORS[label],
            borderwidth=2,
            borderpad=2,
            **_TAG,
        )


def _apart(points: NDArray[np.floating], least: float) -> NDArray[np.float64]:
    """Points (n, 2), moved as far as they must to be at least about `least` from each other."""
    moved = points.astype(np.float64)
    for _ in range(_PUSHES):
        for first, second in combinations(range(len(moved)), 2):
            between = moved[second] - moved[first]
            distance = float(np.hypot(*between))
            if distance < least:
                direction = between / distance if distance else np.array([1.0, 0.0])
                moved[first] -= direction * (least - distance) / 2
                moved[second] += direction * (least - distance) / 2
    return moved


def _set_mark(
    figure: go.Figure, mark: MapMark, to_name: tuple[int, int], text_color: str | None
) -> None:
    x, y = mark.position
    figure.add_trace(
        go.Scattergl(
            x=[x],
            y=[y],
            mode="markers",
            marker={
                "symbol": "star",
                "size": 16,
                "color": "#ffffff",
                "line": {"color": TEXT_COLORS["light"], "width": 2},
            },
            name=mark.name,
            showlegend=False,
            hovertemplate=f"{mark.name}<extra></extra>",
        )
    )
    figure.add_annotation(
        x=x,
        y=y,
        text=mark.name,
        ax=to_name[0],
        ay=to_name[1],
        standoff=8,
        arrowcolor=text_color,
        borderpad=3,
        **_TAG,
    )


def _set_map_layout(
    figure: go.Figure, axes: tuple[str, str] | None, text_color: str | None
) -> None:
    written: dict[str, Any] = {"color": text_color}
    figure.update_layout(
        height=_MAP_HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        # Below: Plotly's buttons are at the top.
        legend={
            "orientation": "h",
            "xref": "container",
            "yref": "container",
            "yanchor": "bottom",
            "y": 0,
            "x": 0,
            "title": None,
            "itemsizing": "constant",
            "entrywidth": 1,  # ten entries in a row
            "font": written,
        },
        font=written,
        hovermode="closest",
    )
    for number, update in enumerate((figure.update_xaxes, figure.update_yaxes)):
        update(
            title_text=axes[number] if axes else None,
            title_font=written,
            showticklabels=False,
            zeroline=False,
            showgrid=False,
            ticks="",
        )
    # A step to the right is as long as a step upwards: distances are what a map is about.
    figure.update_yaxes(scaleanchor="x")
