"""Plotly figures of experiments: results by setting, curves with their band, a map of a grid."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.experiments.plan import Factor
from core.experiments.results import (
    CurveBand,
    Measure,
    Summary,
    format_value,
    higher_is_better,
)
from core.figures.style import (
    ANSWER_COLOR,
    DIGIT_COLORS,
    LINE_STYLES,
    OTHER_COLOR,
    check_run_count,
    in_figure,
    line_style,
    rgb,
    set_curve_layout,
    set_layout,
)
from core.utils.text import shortened

MAX_BANDS: Final = len(LINE_STYLES)
_LONGEST: Final = 40


def results_chart(
    results: Sequence[Summary], measure: Measure, text_color: str | None = None
) -> go.Figure:
    """Draw each run as a small point, and the mean of each combination with its 95 % interval.

    Args:
        results: of the combinations that have values, the first at the top.
        measure: what the values are.
        text_color: of all text; None keeps Plotly's.
    """
    factor = 100 if higher_is_better(measure) else 1
    names = [_row_name(summary) for summary in results]
    runs = [
        (name, seed, value)
        for name, summary in zip(names, results, strict=True)
        for seed, value in summary.by_seed.items()
    ]
    figure = go.Figure(
        go.Scatter(
            x=[factor * value for _, _, value in runs],
            y=[name for name, _, _ in runs],
            mode="markers",
            marker={"color": OTHER_COLOR, "size": 7, "opacity": 0.7},
            customdata=[[seed, format_value(value, measure)] for _, seed, value in runs],
            hovertemplate="seed %{customdata[0]}: %{customdata[1]}<extra>%{y}</extra>",
        )
    )
    known = [(name, summary) for name, summary in zip(names, results, strict=True) if summary.n]
    figure.add_trace(
        go.Scatter(
            x=[factor * summary.mean for _, summary in known],
            y=[name for name, _ in known],
            mode="markers",
            marker={"color": ANSWER_COLOR, "size": 11, "symbol": "diamond"},
            error_x={
                "type": "data",
                "array": [factor * _distance(summary.high, summary.mean) for _, summary in known],
                "arrayminus": [
                    factor * _distance(summary.mean, summary.low) for _, summary in known
                ],
                "color": ANSWER_COLOR,
                "thickness": 2,
            },
            customdata=[_spread_text(summary, measure) for _, summary in known],
            hovertemplate="mean of %{customdata}<extra>%{y}</extra>",
        )
    )
    set_layout(figure, 90 + 34 * len(results), text_color)
    figure.update_layout(showlegend=False, dragmode=False)
    suffix = " %" if factor == 100 else ""
    figure.update_xaxes(title_text=measure, ticksuffix=suffix, nticks=5, fixedrange=True)
    figure.update_yaxes(autorange="reversed", type="category", automargin=True, fixedrange=True)
    return figure


def band_chart(
    bands: Mapping[str, CurveBand],
    label: str,
    text_color: str | None = None,
    *,
    percent: bool = False,
) -> go.Figure:
    """Draw the mean curve of up to four combinations, one deviation around it, each run faintly.

    Args:
        bands: the curves of each combination by its name.
        label: what the curves show, for the axis.
        text_color: of all text; None keeps Plotly's.
        percent: whether the values are fractions to be shown as percent.

    Raises:
        ValueError: there are more than four.
    """
    check_run_count(bands)
    factor = 100 if percent else 1
    shown = "%{y:.2f} %" if percent else "%{y:.4f}"
    traces: list[go.Scatter] = []
    for place, (name, band) in enumerate(bands.items()):
        color = LINE_STYLES[place][0]
        traces += [_thin_curves(band, factor, color, name), *_band(band, factor, color, name)]
        traces.append(
            go.Scatter(
                x=band.epochs.tolist(),
                y=_gaps(factor * band.mean),
                **line_style(place),
                name=in_figure(name),
                legendgroup=name,
                hovertemplate=f"epoch %{{x}}: {shown}<extra>{in_figure(name)}</extra>",
            )
        )
    figure = go.Figure(traces)
    set_curve_layout(figure, 360, text_color)
    figure.update_layout(showlegend=True)
    last = max((int(band.epochs[-1]) for band in bands.values()), default=1)
    figure.update_xaxes(title_text="epoch", dtick=math.ceil(last / 10))
    figure.update_yaxes(title_text=label, ticksuffix=" %" if percent else "")
    return figure


def _thin_curves(band: CurveBand, factor: int, color: str, name: str) -> go.Scatter:
    """All runs as one trace, with a gap between two: a trace for each takes Plotly much longer."""
    epochs: list[float | None] = []
    values: list[float | None] = []
    for run in band.runs:
        epochs += [*band.epochs.tolist(), None]
        values += [*_gaps(factor * run), None]
    return go.Scatter(
        x=epochs,
        y=values,
        mode="lines",
        line={"color": color, "width": 1},
        opacity=0.3,
        hoverinfo="skip",
        showlegend=False,
        legendgroup=name,
    )


def _band(band: CurveBand, factor: int, color: str, name: str) -> list[go.Scatter]:
    """One standard deviation to either side of the mean, where there are two runs or more."""
    known = np.isfinite(band.deviation)
    if not known.any():
        return []
    epochs = band.epochs[known]
    upper = factor * (band.mean + band.deviation)[known]
    lower = factor * (band.mean - band.deviation)[known]
    red, green, blue = rgb(color)
    return [
        go.Scatter(
            x=np.concatenate([epochs, epochs[::-1]]).tolist(),
            y=np.concatenate([upper, lower[::-1]]).tolist(),
            mode="lines",  # no points at the corners
            fill="toself",
            fillcolor=f"rgba({red}, {green}, {blue}, 0.18)",
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            legendgroup=name,
        )
    ]


def grid_chart(
    results: Sequence[Summary],
    factors: tuple[Factor, Factor],
    measure: Measure,
    text_color: str | None = None,
) -> go.Figure:
    """Draw the means of a grid of two settings, the second across; a cell without runs is empty.

    A map cannot be clicked on, so each cell has a clear point, which can: its `customdata` is the
    number of the cell's combination.

    Args:
        results: of all combinations, in the order of the plan.
        factors: the two settings.
        measure: what the values are; the better ones are fuller.
        text_color: of all text; None keeps Plotly's.
    """
    down, across = factors
    width = len(across.values)
    means = [
        [summary.mean for summary in results[start : start + width]]
        for start in range(0, len(results), width)
    ]
    sign = 1 if higher_is_better(measure) else -1
    cells = [[None if math.isnan(mean) else sign * mean for mean in row] for row in means]
    red, green, blue = rgb(DIGIT_COLORS[0])
    figure = go.Figure(
        go.Heatmap(
            z=cells,
            x=[across.variable.text(value) for value in across.values],
            y=[down.variable.text(value) for value in down.values],
            # From clear to full, so that it is pale on a light theme and dim on a dark one.
            colorscale=[
                (0, f"rgba({red}, {green}, {blue}, 0.05)"),
                (1, f"rgba({red}, {green}, {blue}, 0.6)"),
            ],
            text=[
                ["" if math.isnan(mean) else format_value(mean, measure) for mean in row]
                for row in means
            ],
            texttemplate="%{text}",
            textfont={"color": text_color},
            xgap=2,
            ygap=2,
            showscale=False,
            hoverongaps=False,
            hovertemplate=(
                f"{down.variable.label} %{{y}}, {across.variable.label} %{{x}}: %{{text}}"
                "<extra></extra>"
            ),
        )
    )
    known = [summary.combination for summary in results if summary.n]
    clear = {"color": "rgba(0, 0, 0, 0)"}
    figure.add_trace(
        go.Scatter(
            x=[across.variable.text(combination.values[1]) for combination in known],
            y=[down.variable.text(combination.values[0]) for combination in known],
            customdata=[combination.number for combination in known],
            mode="markers",
            marker={"size": 36, "symbol": "square", **clear},
            selected={"marker": clear},
            unselected={"marker": clear},
            showlegend=False,
            hovertemplate=(
                f"{down.variable.label} %{{y}}, {across.variable.label} %{{x}}<extra></extra>"
            ),
        )
    )
    set_curve_layout(figure, 110 + 44 * len(down.values), text_color)
    figure.update_xaxes(type="category", title_text=across.variable.label, showgrid=False)
    figure.update_yaxes(
        type="category", title_text=down.variable.label, showgrid=False, autorange="reversed"
    )
    return figure


def _row_name(summary: Summary) -> str:
    return in_figure(shortened(summary.combination.name, _LONGEST))


def _distance(upper: float, lower: float) -> float:
    distance = upper - lower
    return distance if math.isfinite(distance) else 0.0


def _spread_text(summary: Summary, measure: Measure) -> str:
    mean = format_value(summary.mean, measure)
    if summary.n < 2:
        return f"1 run: {mean}"
    low, high = (format_value(end, measure) for end in (summary.low, summary.high))
    return f"{summary.n} runs: {mean} ({low} to {high})"


def _gaps(values: NDArray[np.float64]) -> list[float | None]:
    """Values for Plotly: a gap where there is none."""
    return [value if math.isfinite(value) else None for value in values.tolist()]
