"""Plotly figures of a search: its history, its settings side by side, and which of them decide."""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from core.experiments.proposals import Training
from core.experiments.search import Dimension
from core.experiments.settings import variable_setting
from core.figures.style import ANSWER_COLOR, DIGIT_COLORS, OTHER_COLOR, set_curve_layout

_TICKS: Final = 5
_LOSS: Final = "validation loss"


def history_chart(
    trainings: Sequence[Training], names: Sequence[str], text_color: str | None = None
) -> go.Figure:
    """Draw what each training of a search reached, in their order, and the best so far.

    Args:
        trainings: all of the search.
        names: the values of each, for the words under the pointer.
        text_color: of all text; None keeps Plotly's.
    """
    numbered = list(enumerate(zip(trainings, names, strict=True), start=1))
    finished = [
        (number, training.loss, name)
        for number, (training, name) in numbered
        if training.state == "finished" and training.loss is not None
    ]
    pruned = [
        (number, training.losses[-1], f"{name}<br>pruned after epoch {len(training.losses)}")
        for number, (training, name) in numbered
        if training.state == "pruned" and training.losses
    ]
    figure = go.Figure()
    points = (
        ("finished", finished, ANSWER_COLOR, "circle"),
        ("pruned, at its last epoch", pruned, OTHER_COLOR, "x-thin-open"),
    )
    for label, group, color, symbol in points:
        if group:
            figure.add_trace(
                go.Scatter(
                    x=[number for number, _, _ in group],
                    y=[loss for _, loss, _ in group],
                    mode="markers",
                    marker={"color": color, "size": 8, "symbol": symbol},
                    name=label,
                    customdata=[name for _, _, name in group],
                    hovertemplate="training %{x}: %{y:.4f}<br>%{customdata}<extra></extra>",
                )
            )
    if finished:
        figure.add_trace(
            go.Scatter(
                x=[number for number, _, _ in finished],
                y=list(accumulate((loss for _, loss, _ in finished), min)),
                mode="lines",
                line={"color": ANSWER_COLOR, "width": 2, "shape": "hv"},
                name="best so far",
                hoverinfo="skip",
            )
        )
    set_curve_layout(figure, 340, text_color)
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title_text="training", dtick=max(1, math.ceil(len(trainings) / 10)))
    # Logarithmic: a training that learned nothing would press all others onto the axis.
    ticks = _round_losses([loss for _, loss, _ in (*finished, *pruned)])
    figure.update_yaxes(
        title_text=_LOSS, type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks]
    )
    return figure


def _round_losses(losses: Sequence[float]) -> list[float]:
    """The ticks 1, 2 and 5 times a power of ten from below the lowest to above the highest loss."""
    positive = [loss for loss in losses if loss > 0]
    if not positive:
        return []
    powers = range(math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive))) + 1)
    ticks = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    first = max((tick for tick in ticks if tick <= min(positive)), default=ticks[0])
    last = min((tick for tick in ticks if tick >= max(positive)), default=ticks[-1])
    return [tick for tick in ticks if first <= tick <= last]


def parallel_chart(
    dimensions: Sequence[Dimension],
    trainings: Sequence[Training],
    text_color: str | None = None,
) -> go.Figure:
    """Draw each finished training as a line through its settings to what it reached.

    Args:
        dimensions: what was searched.
        trainings: all of the search.
        text_color: of all text; None keeps Plotly's.
    """
    finished = [each for each in trainings if each.state == "finished" and each.loss is not None]
    losses = [float(each.loss or 0) for each in finished]
    axes = [
        _axis(dimension, [each.values[place] for each in finished])
        for place, dimension in enumerate(dimensions)
    ]
    low, high = min(losses, default=0), max(losses, default=1)
    axes.append({"label": _LOSS, "values": losses, "tickformat": ".3f", "range": [low, high]})
    figure = go.Figure(
        go.Parcoords(
            dimensions=axes,
            line={
                # The darkest line is the best one; by rank, as a few losses are far larger.
                "color": np.argsort(np.argsort(losses)).tolist(),
                "colorscale": [(0, DIGIT_COLORS[0]), (0.3, DIGIT_COLORS[9]), (1, DIGIT_COLORS[3])],
            },
            labelfont={"color": text_color},
            tickfont={"color": text_color},
            rangefont={"color": "rgba(0, 0, 0, 0)"},  # the ticks say it already
        )
    )
    figure.update_layout(height=340, margin={"l": 60, "r": 40, "t": 50, "b": 20})
    return figure


def _axis(dimension: Dimension, values: Sequence[Any]) -> dict[str, Any]:
    """One axis: names for a choice, powers for what is searched by factors."""
    label, variable = dimension.variable.label, dimension.variable
    if variable.kind == "choice":
        places = {value: place for place, value in enumerate(dimension.values)}
        return {
            "label": label,
            "values": [places[value] for value in values],
            "tickvals": list(places.values()),
            "ticktext": [variable.text(value) for value in places],
            "range": [0, len(places) - 1],
        }
    low, high = dimension.bounds
    if not dimension.logarithmic:
        return {"label": label, "values": list(values), "range": [low, high]}
    ticks = np.geomspace(low, high, _TICKS)
    return {
        "label": label,
        "values": [math.log10(value) for value in values],
        "range": [math.log10(low), math.log10(high)],
        "tickvals": np.log10(ticks).tolist(),
        "ticktext": [
            f"{tick:.0f}" if variable.kind == "whole number" else f"{tick:.2g}" for tick in ticks
        ],
    }


def importance_chart(parts: Mapping[str, float], text_color: str | None = None) -> go.Figure:
    """Draw how much each setting decides, the most decisive at the top.

    Args:
        parts: the part of each setting by its name, together 1.
        text_color: of all text; None keeps Plotly's.
    """
    labels = [variable_setting(name).label for name in parts]
    figure = go.Figure(
        go.Bar(
            x=[100 * part for part in parts.values()],
            y=labels,
            orientation="h",
            marker={"color": ANSWER_COLOR},
            texttemplate="%{x:.0f} %",
            textposition="outside",
            cliponaxis=False,
            hoverinfo="skip",
        )
    )
    set_curve_layout(figure, 70 + 34 * len(labels), text_color)
    figure.update_xaxes(range=[0, 112], visible=False)
    figure.update_yaxes(autorange="reversed")
    return figure
