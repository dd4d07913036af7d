"""Plotly figures of ten probabilities: of one digit, along a change, over epochs, under ablation.

They take plain data and need neither runs nor TensorFlow.
"""

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.data.mnist import CLASSES
from core.explain.counterfactuals import Counterfactual, ProbabilityCurve
from core.figures.style import (
    ANSWER_COLOR,
    DIGIT_COLORS,
    DIVERGING_SCALES,
    OTHER_COLOR,
    axis_unit,
    frame_column,
    mark_epoch,
    set_curve_layout,
    theme_name,
)
from core.utils.text import percent

_MIN_LABELED: Final = 0.005
"""Smaller probabilities are shown only on hover."""


def ablation_chart(
    whole: Sequence[float], without: Sequence[float], text_color: str | None = None
) -> go.Figure:
    """Two bars for each of ten digits: with the map (plain) and without it (striped).

    Both: ten probabilities from 0 to 1; ValueError for any other count.
    """
    if len(whole) != 10 or len(without) != 10:
        raise ValueError(f"expected ten probabilities, got {len(whole)} and {len(without)}")
    figure = go.Figure()
    for name, values, color, pattern in (
        ("with it", whole, OTHER_COLOR, ""),
        ("without it", without, ANSWER_COLOR, "/"),
    ):
        figure.add_bar(
            name=name,
            x=list(values),
            y=[str(digit) for digit in range(10)],
            orientation="h",
            marker={"color": color, "pattern": {"shape": pattern}, "line": {"width": 0}},
            text=[percent(value) if value >= _MIN_LABELED else "" for value in values],
            textposition="outside",
            textfont={"size": 11, "color": text_color},
            cliponaxis=False,
            hovertemplate=f"%{{y}}, {name}: %{{x:.3%}}<extra></extra>",
        )
    figure.update_layout(
        barmode="group",
        height=400,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        bargap=0.2,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        font={"color": text_color},
    )
    figure.update_xaxes(range=[0, 1.18], visible=False, fixedrange=True)
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        fixedrange=True,
        ticks="",
        tickfont={"size": 16, "color": text_color},
    )
    return figure


def probability_bars(
    probabilities: Sequence[float] | None, text_color: str | None = None
) -> go.Figure:
    """Ten horizontal bars, one a digit, 0 at the top; the answer stands out by color and weight.

    `probabilities`: ten numbers from 0 to 1, or None while there is nothing to show yet.
    `text_color`: of all that is written; the theme's pale gray if it is not given. Raises
    ValueError for any other count.
    """
    values = [0.0] * 10 if probabilities is None else list(probabilities)
    if len(values) != 10:
        raise ValueError(f"expected ten probabilities, got {len(values)}")
    answer = None if probabilities is None else max(range(10), key=lambda digit: values[digit])
    figure = go.Figure(
        go.Bar(
            x=values,
            y=[str(digit) for digit in range(10)],
            orientation="h",
            marker_color=[ANSWER_COLOR if digit == answer else OTHER_COLOR for digit in range(10)],
            marker_line_width=0,
            text=["" if answer is None else _bold_if(k == answer, v) for k, v in enumerate(values)],
            textposition="outside",
            textfont={"size": 14, "color": text_color},
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2%}<extra></extra>",
        )
    )
    # The chart redraws after every stroke: what has not changed must not move.
    figure.update_layout(
        height=330,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        showlegend=False,
        bargap=0.25,
        uirevision="probabilities",
    )
    figure.update_xaxes(range=[0, 1.18], visible=False, fixedrange=True)
    figure.update_yaxes(
        type="category",
        autorange="reversed",
        fixedrange=True,
        ticks="",
        tickfont={"size": 16, "color": text_color},
        title=None,
    )
    return figure


def _bold_if(stands_out: bool, probability: float) -> str:
    return f"<b>{percent(probability)}</b>" if stands_out else percent(probability)


_HEIGHT: Final = 340
_MIN_RIVAL: Final = 0.05
_MOST_RIVALS: Final = 4
_DASHES: Final = ("dash", "dot", "dashdot", "longdash")
_BAND: Final = (104, 109)
"""Where, on the axis of percents, the band of answers lies."""
_TOP, _FOOT = 119, -14
"""The ends of that axis: room for the digits above the band, and below the lines for a mark."""
_WIDE_ENOUGH: Final = 0.03
"""A part of the band at least as wide, as a part of the range, has its digit written above it."""


def answer_intervals(curve: ProbabilityCurve) -> list[tuple[int, float, float]]:
    """The intervals in which each digit is read: (digit, from, to), in rising order.

    An interval ends halfway between two sampled values. Where the change leaves no digit there is
    no interval.
    """
    values = curve.values.tolist()
    halves = [
        values[0],
        *((a + b) / 2 for a, b in pairwise(values)),
        values[-1],
    ]
    answers = [
        int(k) if there else None for k, there in zip(curve.answers, curve.has_digit, strict=True)
    ]
    stretches, start = [], 0
    for digit, group in groupby(answers):
        end = start + len(list(group))
        if digit is not None:
            stretches.append((digit, halves[start], halves[end]))
        start = end
    return stretches


def _rivals(percents: NDArray[np.floating], answer: int) -> list[int]:
    """Return the digits that compete with the answer somewhere, the strongest first.

    Args:
        percents: of each digit along a change, (n, 10), 0 to 100; NaN counts as 0.
        answer: the digit that is left out.
    """
    highest = np.nan_to_num(percents).max(axis=0)
    order = [int(k) for k in np.argsort(-highest) if k != answer]
    return [k for k in order if highest[k] >= 100 * _MIN_RIVAL][:_MOST_RIVALS]


def probability_course_chart(
    curve: ProbabilityCurve,
    answer: int,
    at: float,
    flips: Sequence[Counterfactual] = (),
    text_color: str | None = None,
) -> go.Figure:
    """The answer's probability and its rivals' along a kind of change, with a band of answers.

    `answer`: what is read in the unchanged digit; its line stands out. Rivals are the four others
    with the highest probabilities, if they reach 5 %. `at`: where the slider stands, and `flips`:
    what was found along this kind; both are marked. The band above says which digit is read where.
    """
    figure = go.Figure()
    percents = 100 * np.where(curve.has_digit[:, None], curve.probabilities, np.nan)
    formatted_values = [curve.parameter.format_value(value) for value in curve.values.tolist()]
    for place, digit in enumerate([answer, *_rivals(percents, answer)]):
        is_answer = digit == answer
        dash = "solid" if is_answer else _DASHES[place - 1]
        figure.add_trace(
            go.Scatter(
                x=curve.values.tolist(),
                y=percents[:, digit].tolist(),
                customdata=formatted_values,
                mode="lines",
                line={"color": _color(digit, answer), "width": 4 if is_answer else 2, "dash": dash},
                name=f"{digit}, its answer" if is_answer else str(digit),
                hovertemplate=f"%{{customdata}}: {digit} with %{{y:.1f}} %<extra></extra>",
            )
        )
    set_curve_layout(figure, _HEIGHT, text_color)
    figure.update_layout(showlegend=True, uirevision=curve.parameter.name)
    figure.update_xaxes(
        title_text=f"{curve.parameter.label.lower()} ({axis_unit(curve.parameter)})", zeroline=False
    )
    figure.update_yaxes(
        title_text="probability",
        ticksuffix=" %",
        range=[_FOOT, _TOP],
        tickvals=[0, 25, 50, 75, 100],
    )
    _band(figure, curve, answer, text_color)
    for flip in flips:
        line = {"color": text_color or OTHER_COLOR, "width": 1, "dash": "dot"}
        figure.add_vline(x=flip.value, line=line)
    if at != curve.parameter.neutral:
        mark_epoch(figure, at, curve.parameter.format_value(at), text_color)
    return figure


def _band(figure: go.Figure, curve: ProbabilityCurve, answer: int, text_color: str | None) -> None:
    whole = curve.parameter.high - curve.parameter.low
    low, high = _BAND
    parts = answer_intervals(curve)
    # All at once: Plotly checks everything anew for each that is added.
    shapes = [
        {
            "type": "rect",
            "x0": start,
            "x1": end,
            "y0": low,
            "y1": high,
            "fillcolor": _color(digit, answer),
            "line": {"width": 0},
        }
        for digit, start, end in parts
    ]
    names = [
        {
            "x": (start + end) / 2,
            "y": high,
            "text": f"<b>{digit}</b>" if digit == answer else str(digit),
            "showarrow": False,
            "yanchor": "bottom",
            "font": {"color": text_color, "size": 13},
        }
        for digit, start, end in parts
        if end - start >= _WIDE_ENOUGH * whole
    ]
    figure.update_layout(shapes=shapes, annotations=names)


def _color(digit: int, answer: int) -> str:
    """The answer's own blue; a rival that has the same one as its digit's takes the answer's."""
    if digit == answer:
        return ANSWER_COLOR
    return DIGIT_COLORS[answer] if DIGIT_COLORS[digit] == ANSWER_COLOR else DIGIT_COLORS[digit]


_BLUES: Final = {
    # From the background of the theme to a blue on which the theme's text can still be read.
    "light": [[0, "#ffffff"], [1, DIVERGING_SCALES["light"][6]]],
    "dark": [[0, "#11191e"], [1, DIVERGING_SCALES["dark"][7]]],
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
    text_color: str | None = None,
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
            colorscale=_BLUES[theme_name(theme)],
            zmin=0,
            zmax=100,
            showscale=False,
            hoverongaps=False,
            xgap=1,
            ygap=1,
            text=[[_written(value) for value in row] for row in probabilities.T.tolist()],
            texttemplate="%{text}" if len(names) <= _WRITTEN else None,
            textfont={"color": text_color},
            hovertemplate="%{x}: %{y} with %{z:.1f} %<extra></extra>",
        )
    )
    set_curve_layout(figure, 60 + 10 * _ROW_PX, text_color)
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    frame_column(figure, at, CLASSES, text_color)
    return figure


def _written(part: float) -> str:
    """A probability without its sign; nothing for less than 1."""
    return percent(part).removesuffix(" %") if part >= _LEAST else ""
