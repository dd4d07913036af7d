"""Plotly figures of the calibration of one or two networks: reliability, confidence, coverage.

Marker, dash and pattern, too, tell networks apart, and right from wrong.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.evaluation.calibration import ConfidenceBin, CoverageCurve, Histogram, Rejection
from core.figures.style import (
    ANSWER_COLOR,
    ERROR_COLOR,
    LINE_STYLES,
    OTHER_COLOR,
    check_run_count,
    in_figure,
    set_curve_layout,
)
from core.utils.text import shortened

_POINTS: Final = 400
_SPAN: Final = [-2, 102]
_LONGEST: Final = 28
# Of all mistakes: when so few are left, more refusing gains little.
_FEW: Final = 0.05


def reliability_diagram(
    bins_by_run: Mapping[str, Sequence[ConfidenceBin]], text_color: str | None = None
) -> go.Figure:
    """Reliability diagram: accuracy by confidence with 95 % intervals, of one or two runs.

    `bins_by_run`: by the run's name. A calibrated network's points lie on the diagonal; the thick
    line from each point to it is the gap that ECE averages. Raises ValueError for none and
    for more than two.
    """
    check_run_count(bins_by_run, 2, least=1)
    figure = go.Figure(
        go.Scatter(
            x=[0, 100],
            y=[0, 100],
            mode="lines",
            line={"color": OTHER_COLOR, "dash": "dot", "width": 2},
            name="calibrated",
            hoverinfo="skip",
        )
    )
    for style, (name, bins) in zip(LINE_STYLES, bins_by_run.items(), strict=False):
        filled = [confidence_bin for confidence_bin in bins if confidence_bin.count]
        figure.add_trace(_gaps(filled, style[0]))
        figure.add_trace(_points(filled, style, name))
    _set_layout_with_top_legend(figure, 380, text_color)
    figure.update_xaxes(title_text="how sure (mean confidence of the bin)", range=_SPAN)
    figure.update_yaxes(title_text="how often right", range=_SPAN)
    figure.update_xaxes(ticksuffix=" %", dtick=20)
    figure.update_yaxes(ticksuffix=" %", dtick=20)
    return figure


def _gaps(bins: Sequence[ConfidenceBin], color: str) -> go.Scatter:
    """From each point straight to the diagonal; None ends a line."""
    return go.Scatter(
        x=[
            value
            for confidence_bin in bins
            for value in (100 * confidence_bin.mean, 100 * confidence_bin.mean, None)
        ],
        y=[
            value
            for confidence_bin in bins
            for value in (100 * confidence_bin.mean, 100 * confidence_bin.accuracy, None)
        ],
        mode="lines",
        line={"color": color, "width": 7},
        opacity=0.35,
        showlegend=False,
        hoverinfo="skip",
    )


def _points(bins: Sequence[ConfidenceBin], style: tuple[str, str, str], name: str) -> go.Scatter:
    color, dash, symbol = style
    return go.Scatter(
        x=[100 * confidence_bin.mean for confidence_bin in bins],
        y=[100 * confidence_bin.accuracy for confidence_bin in bins],
        error_y={
            "type": "data",
            "array": [
                100 * (confidence_bin.upper - confidence_bin.accuracy) for confidence_bin in bins
            ],
            "arrayminus": [
                100 * (confidence_bin.accuracy - confidence_bin.lower) for confidence_bin in bins
            ],
            "color": color,
            "thickness": 1.5,
            "width": 4,
        },
        mode="lines+markers",
        line={"color": color, "dash": dash, "width": 1.5},
        marker={"symbol": symbol, "size": 9, "color": color},
        name=_label(name),
        customdata=[
            [
                *(
                    100 * v
                    for v in (
                        confidence_bin.low,
                        confidence_bin.high,
                        confidence_bin.lower,
                        confidence_bin.upper,
                    )
                ),
                confidence_bin.right,
                confidence_bin.count,
            ]
            for confidence_bin in bins
        ],
        hovertemplate=(
            "%{customdata[0]:.0f} to %{customdata[1]:.0f} % sure, %{x:.1f} % on average:<br>"
            "%{customdata[4]:,} of %{customdata[5]:,} right, %{y:.1f} %<br>"
            "(interval: %{customdata[2]:.1f} to %{customdata[3]:.1f} %)"
        ),
    )


def confidence_chart(
    histograms: Mapping[str, Histogram], text_color: str | None = None
) -> go.Figure:
    """Histogram of the confidence of right and of wrong answers, on a logarithmic axis.

    `histograms`: one or two runs by name, one above the other. Logarithmic, because nearly all
    answers are right and sure. Raises ValueError for none and for more than two.
    """
    check_run_count(histograms, 2, least=1)
    names = [_label(name) for name in histograms]
    figure = make_subplots(
        rows=len(names),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.14,
        subplot_titles=names if len(names) > 1 else None,
    )
    for row, histogram in enumerate(histograms.values(), 1):
        # Wrong ones are hatched: color alone would not do.
        for name, values, color, shape in (
            ("right", histogram.right, ANSWER_COLOR, ""),
            ("wrong", histogram.wrong, ERROR_COLOR, "/"),
        ):
            figure.add_trace(
                _bars(histogram, values.tolist(), name, color, shape, legend=row == 1),
                row=row,
                col=1,
            )
    _set_layout_with_top_legend(figure, 110 + 190 * len(names), text_color)
    figure.update_layout(bargap=0.1, barmode="group")
    figure.update_annotations(font={"color": text_color})
    figure.update_layout(margin_t=60 if len(names) > 1 else 40)  # room for a name below the legend
    most = max(
        1,
        *(
            int(max(histogram.right.max(), histogram.wrong.max()))
            for histogram in histograms.values()
        ),
    )
    # A bar of height 1 needs an axis that begins below 1.
    figure.update_yaxes(
        type="log",
        range=[np.log10(0.6), np.log10(1.5 * most)],
        dtick=1,
        tickformat=",",
        title_text="answers",
    )
    figure.update_xaxes(ticksuffix=" %", dtick=20, range=_SPAN)
    figure.update_xaxes(title_text="how sure (confidence)", row=len(names))
    return figure


def _bars(
    histogram: Histogram, values: list[int], name: str, color: str, shape: str, *, legend: bool
) -> go.Bar:
    low, high = 100 * histogram.edges[:-1], 100 * histogram.edges[1:]
    return go.Bar(
        x=((low + high) / 2).tolist(),
        y=[value or None for value in values],
        name=name,
        legendgroup=name,
        showlegend=legend,
        marker={"color": color, "line": {"width": 0}, "pattern": {"shape": shape, "size": 5}},
        customdata=[[a, b, n] for a, b, n in zip(low.tolist(), high.tolist(), values, strict=True)],
        hovertemplate=(
            f"%{{customdata[2]:,}} {name}, %{{customdata[0]:.0f}} to %{{customdata[1]:.0f}} % sure"
            "<extra></extra>"
        ),
    )


def coverage_chart(
    curves: Mapping[str, tuple[CoverageCurve, Rejection]], text_color: str | None = None
) -> go.Figure:
    """Share of wrong answers by share of answered digits, of one or two runs.

    `curves`: by name the curve, and the result of the chosen threshold, which is marked.
    Raises ValueError for none and for more than two.
    """
    check_run_count(curves, 2, least=1)
    figure = go.Figure()
    for (color, dash, symbol), (name, (curve, chosen)) in zip(
        LINE_STYLES, curves.items(), strict=False
    ):
        figure.add_trace(_curve(curve, _label(name), color, dash))
        if chosen.answered:
            figure.add_trace(_chosen(chosen, color, symbol, text_color))
    _set_layout_with_top_legend(figure, 340, text_color)
    figure.update_layout(showlegend=len(curves) > 1)
    start = 100 * min(_start(curve, chosen) for curve, chosen in curves.values())
    figure.update_xaxes(title_text="digits answered", ticksuffix=" %", nticks=6)
    figure.update_xaxes(range=[start, 100 + (100 - start) / 50])
    figure.update_yaxes(
        title_text="wrong among these", ticksuffix=" %", rangemode="tozero", nticks=6
    )
    return figure


def _start(curve: CoverageCurve, chosen: Rejection) -> float:
    """Where the axis begins, 0 to 1: what is left of it has hardly a mistake, and is flat."""
    errors = curve.wrong / curve.answered
    few = curve.answered[errors <= _FEW * errors[0]]
    shown = min(few.max() / curve.n if len(few) else 0.0, chosen.coverage)
    return max(0.0, 1 - 1.5 * (1 - shown))


def _curve(curve: CoverageCurve, name: str, color: str, dash: str) -> go.Scatter:
    # Thousands of thresholds are more than a screen has pixels.
    few = np.unique(np.linspace(0, len(curve.thresholds) - 1, _POINTS).astype(np.intp))
    answered, wrong = curve.answered[few], curve.wrong[few]
    return go.Scatter(
        x=(100 * answered / curve.n).tolist(),
        y=(100 * wrong / answered).tolist(),
        mode="lines",
        line={"color": color, "dash": dash, "width": 2},
        name=name,
        customdata=(100 * curve.thresholds[few]).tolist(),
        hovertemplate="at least %{customdata:.1f} % sure:<br>%{x:.1f} % answered, %{y:.2f} % wrong",
    )


def _chosen(chosen: Rejection, color: str, symbol: str, text_color: str | None) -> go.Scatter:
    return go.Scatter(
        x=[100 * chosen.coverage],
        y=[100 * chosen.error],
        mode="markers",
        marker={
            "symbol": symbol,
            "size": 13,
            "color": color,
            "line": {"width": 2, "color": text_color},
        },
        name="chosen",
        cliponaxis=False,
        showlegend=False,
        hovertemplate="chosen: %{x:.1f} % answered, %{y:.2f} % wrong<extra></extra>",
    )


def _label(name: str) -> str:
    """A run's name, escaped for Plotly and shortened to fit."""
    return in_figure(shortened(name, _LONGEST))


def _set_layout_with_top_legend(figure: go.Figure, height: int, text_color: str | None) -> None:
    set_curve_layout(figure, height, text_color)
    # Above everything: there may be a run's name between it and the chart.
    figure.update_layout(
        margin_t=40,
        legend={"yref": "container", "yanchor": "top", "y": 1, "font": {"color": text_color}},
    )
