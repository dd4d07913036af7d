"""The probabilities along one kind of change as a Plotly figure: data in, figure out."""

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Final

import numpy as np
import plotly.graph_objects as go

from core.flips_search import Course, Flip
from core.palette import ANSWER, DIGITS, OTHER
from core.run_lines import lay_out, mark

_HEIGHT: Final = 340
_LEAST: Final = 0.05
_MOST_RIVALS: Final = 4
_DASHES: Final = ("dash", "dot", "dashdot", "longdash")
_BAND: Final = (104, 109)
"""Where, on the axis of percents, the band of answers lies."""
_TOP, _FOOT = 119, -14
"""The ends of that axis: room for the digits above the band, and below the lines for a mark."""
_WIDE_ENOUGH: Final = 0.03
"""A part of the band at least as wide, as a part of the range, has its digit written above it."""


def stretches(along: Course) -> list[tuple[int, float, float]]:
    """Where on the range which digit is read: (digit, from, to), one after the other.

    From one to the next it is halfway between two values that were looked at. Where there is no
    digit any more there is no stretch.
    """
    values = along.values.tolist()
    halves = [
        values[0],
        *((a + b) / 2 for a, b in pairwise(values)),
        values[-1],
    ]
    answers = [
        int(k) if there else None for k, there in zip(along.answers, along.drawn, strict=True)
    ]
    found, start = [], 0
    for digit, group in groupby(answers):
        end = start + len(list(group))
        if digit is not None:
            found.append((digit, halves[start], halves[end]))
        start = end
    return found


def course_lines(
    along: Course,
    answer: int,
    at: float,
    flips: Sequence[Flip] = (),
    text_colour: str | None = None,
) -> go.Figure:
    """The answer's probability and its rivals' along a kind of change, with a band of answers.

    `answer`: what is read in the unchanged digit; its line stands out. Rivals are the four others
    with the highest probabilities, if they reach 5 %. `at`: where the slider stands, and `flips`:
    what was found along this kind; both are marked. The band above says which digit is read where.
    """
    figure = go.Figure()
    percents = 100 * np.where(along.drawn[:, None], along.probabilities, np.nan)
    highest = np.nan_to_num(percents).max(axis=0)
    rivals = [int(k) for k in np.argsort(-highest) if k != answer and highest[k] >= 100 * _LEAST]
    written = [along.kind.written(value) for value in along.values.tolist()]
    for place, digit in enumerate([answer, *rivals[:_MOST_RIVALS]]):
        own = digit == answer
        dash = "solid" if own else _DASHES[place - 1]
        figure.add_trace(
            go.Scatter(
                x=along.values.tolist(),
                y=percents[:, digit].tolist(),
                customdata=written,
                mode="lines",
                line={"color": _colour(digit, answer), "width": 4 if own else 2, "dash": dash},
                name=f"{digit}, its answer" if own else str(digit),
                hovertemplate=f"%{{customdata}}: {digit} with %{{y:.1f}} %<extra></extra>",
            )
        )
    lay_out(figure, _HEIGHT, text_colour)
    figure.update_layout(showlegend=True, uirevision=along.kind.name)
    figure.update_xaxes(title_text=f"{along.kind.label.lower()} ({_unit(along)})", zeroline=False)
    figure.update_yaxes(
        title_text="probability",
        ticksuffix=" %",
        range=[_FOOT, _TOP],
        tickvals=[0, 25, 50, 75, 100],
    )
    _band(figure, along, answer, text_colour)
    for flip in flips:
        line = {"color": text_colour or OTHER, "width": 1, "dash": "dot"}
        figure.add_vline(x=flip.value, line=line)
    if at != along.kind.nothing:
        mark(figure, at, along.kind.written(at), text_colour)
    return figure


def _band(figure: go.Figure, along: Course, answer: int, text_colour: str | None) -> None:
    whole = along.kind.high - along.kind.low
    low, high = _BAND
    parts = stretches(along)
    # All at once: Plotly checks everything anew for each that is added.
    shapes = [
        {
            "type": "rect",
            "x0": start,
            "x1": end,
            "y0": low,
            "y1": high,
            "fillcolor": _colour(digit, answer),
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
            "font": {"color": text_colour, "size": 13},
        }
        for digit, start, end in parts
        if end - start >= _WIDE_ENOUGH * whole
    ]
    figure.update_layout(shapes=shapes, annotations=names)


def _colour(digit: int, answer: int) -> str:
    """The answer's own blue; a rival that has the same one as its digit's takes the answer's."""
    if digit == answer:
        return ANSWER
    return DIGITS[answer] if DIGITS[digit] == ANSWER else DIGITS[digit]


def _unit(along: Course) -> str:
    if along.kind.is_factor:
        return "factor"
    return "degrees" if "°" in along.kind.format else "pixels"
