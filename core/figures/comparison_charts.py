"""Plotly figures of errors: runs side by side, over epochs, by slice, and under corruptions.

Dash and marker, too, tell runs apart. Heat maps have epochs as names on their axis, not as numbers:
the epochs that are kept lie ever further apart.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from core.data.corruptions import CorruptionParameter
from core.data.mnist import CLASSES
from core.evaluation.robustness import RobustnessCurves
from core.evaluation.slices import Measure, SliceBin, SliceTable
from core.figures.style import (
    ANSWER_COLOR,
    DIGIT_COLORS,
    DIVERGING_SCALES,
    LINE_STYLES,
    OTHER_COLOR,
    axis_unit,
    check_run_count,
    frame_column,
    in_figure,
    line_style,
    mark_epoch,
    rgb,
    set_curve_layout,
    set_layout,
)

_PANELS = ((1, "val_loss", 1, "%{y:.4f}"), (2, "val_accuracy", 100, "%{y:.2f} %"))
_MAX_RUNS = len(LINE_STYLES)
"""Limit of runs in one chart."""


def learning_curves(
    histories: Mapping[str, pd.DataFrame], text_color: str | None = None
) -> go.Figure:
    """Validation loss above validation accuracy, by epoch, of up to four runs by name.

    `histories`: frames with the columns epoch, val_loss, val_accuracy (0 to 1). Raises ValueError
    for more than four.
    """
    check_run_count(histories)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for place, (name, history) in enumerate(histories.items()):
        for row, column, times, shown in _PANELS:
            figure.add_trace(
                go.Scatter(
                    x=history["epoch"].tolist(),
                    y=(history[column] * times).tolist(),
                    **line_style(place),
                    name=in_figure(name),
                    legendgroup=name,
                    showlegend=row == 1,
                    hovertemplate=f"epoch %{{x}}: {shown}<extra>{in_figure(name)}</extra>",
                ),
                row=row,
                col=1,
            )
    set_layout(figure, 480, text_color)
    figure.update_yaxes(title_text="validation loss", row=1)
    figure.update_yaxes(title_text="validation accuracy", ticksuffix=" %", row=2)
    figure.update_xaxes(dtick=_epoch_step(histories))
    figure.update_xaxes(title_text="epoch", row=2)
    return figure


def accuracy_intervals_chart(
    intervals: Mapping[str, Sequence[float]], text_color: str | None = None
) -> go.Figure:
    """Accuracies of up to four runs as points with their intervals, the first run at the top.

    `intervals`: by name (accuracy, low, high), fractions 0 to 1. Raises ValueError for more than
    four.
    """
    check_run_count(intervals)
    figure = go.Figure()
    for place, (name, (accuracy, low, high)) in enumerate(intervals.items()):
        figure.add_trace(
            go.Scatter(
                x=[100 * accuracy],
                y=[in_figure(name)],
                error_x={
                    "type": "data",
                    "array": [100 * (high - accuracy)],
                    "arrayminus": [100 * (accuracy - low)],
                    "color": LINE_STYLES[place][0],
                    "thickness": 2,
                },
                **line_style(place),
                name=in_figure(name),
                hovertemplate=(
                    f"%{{x:.2f}} % ({100 * low:.2f} to {100 * high:.2f} %)<extra>%{{y}}</extra>"
                ),
            )
        )
    set_layout(figure, 90 + 38 * len(intervals), text_color)
    figure.update_layout(showlegend=False)
    figure.update_xaxes(ticksuffix=" %", title_text="accuracy", nticks=5)
    figure.update_yaxes(autorange="reversed", type="category", automargin=True, fixedrange=True)
    return figure


def _epoch_step(histories: Mapping[str, pd.DataFrame]) -> int:
    """Whole epochs on the axis, and no more than ten or so."""
    longest = max((len(history) for history in histories.values()), default=1)
    return max(1, round(longest / 10))


_HEIGHT: Final = 300
_REDS: Final = {
    # From the background of the theme to a red on which the theme's text can still be read.
    "light": [[0, "#ffffff"], [1, DIVERGING_SCALES["light"][3]]],
    "dark": [[0, "#11191e"], [1, DIVERGING_SCALES["dark"][2]]],
}
_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")


def errors_over_epochs(
    errors: Mapping[str, Sequence[tuple[int, int]]], at: int | None, text_color: str | None = None
) -> go.Figure:
    """Mistakes after each epoch, of one or two runs by name.

    `errors`: for each run (epoch, wrong), epochs rising. `at`: the chosen epoch, which is marked.
    """
    figure = go.Figure()
    for place, (name, points) in enumerate(errors.items()):
        figure.add_trace(
            go.Scatter(
                x=[epoch for epoch, _ in points],
                y=[wrong for _, wrong in points],
                **line_style(place),
                name=in_figure(name),
                hovertemplate=f"epoch %{{x}}: %{{y:,}} wrong<extra>{in_figure(name)}</extra>",
            )
        )
    set_curve_layout(figure, _HEIGHT, text_color)
    figure.update_layout(showlegend=len(errors) > 1)
    figure.update_xaxes(title_text="epoch", tickformat="d", nticks=10)
    figure.update_yaxes(title_text="wrong", rangemode="tozero", tickformat=",d")
    if at is not None:
        mark_epoch(figure, at, f"epoch {at}", text_color)
    return figure


def class_errors(
    epochs: Sequence[int],
    wrong: NDArray[np.intp],
    at: int | None,
    *,
    theme: str = "light",
    text_color: str | None = None,
) -> go.Figure:
    """A table of errors, classes down and epochs across: whole numbers `wrong` (10, epochs).

    The chosen epoch's column is framed. Colors grow with the root, so that few errors show.
    """
    names = [str(epoch) for epoch in epochs]
    figure = go.Figure(
        go.Heatmap(
            x=names,
            y=[str(digit) for digit in range(10)],
            z=np.sqrt(wrong),
            customdata=wrong,
            text=wrong,
            texttemplate="%{text}" if len(epochs) <= 12 else None,
            textfont={"color": text_color},
            colorscale=_REDS[theme],
            zmin=0,
            showscale=False,
            xgap=1,
            ygap=1,
            hovertemplate="epoch %{x}, label %{y}: %{customdata:,} wrong<extra></extra>",
        )
    )
    set_curve_layout(figure, _HEIGHT, text_color)
    figure.update_xaxes(title_text="epoch", type="category", showgrid=False)
    figure.update_yaxes(title_text="label", type="category", autorange="reversed", showgrid=False)
    if at is not None and at in epochs:
        frame_column(figure, list(epochs).index(at), CLASSES, text_color)
    return figure


def learned_bars(
    epochs: Sequence[int], learned: Sequence[int], text_color: str | None = None
) -> go.Figure:
    """Bars of the digits that are right for good from each epoch on, and of those that never are.

    `learned`: a count for each epoch, then that of the digits that are wrong at the end.
    """
    figure = go.Figure(
        go.Bar(
            x=[*(str(epoch) for epoch in epochs), "never"],
            y=list(learned),
            marker_color=[*([ANSWER_COLOR] * len(epochs)), DIGIT_COLORS[2]],
            text=[f"{count:,}" for count in learned],
            textposition="outside",
            textfont={"color": text_color},
            cliponaxis=False,
            unselected={"marker": {"opacity": 1}},
            hovertemplate="%{x}: %{y:,} digits<extra></extra>",
        )
    )
    set_curve_layout(figure, _HEIGHT, text_color)
    figure.update_layout(margin_t=24)
    figure.update_xaxes(title_text="right for good from epoch", type="category")
    # Most digits are learned in the first epoch: the others must be seen too.
    figure.update_yaxes(title_text="digits", type="log", showgrid=False, showticklabels=False)
    figure.update_yaxes(range=[-0.3, np.log10(max(1, *learned)) + 0.4])
    return figure


def digit_over_epochs(
    epochs: Sequence[int],
    probabilities: NDArray[np.float32],
    label: int,
    at: int | None,
    text_color: str | None = None,
) -> go.Figure:
    """The probabilities of a digit over the epochs, (epochs, 10): the label's line stands out.

    Of the others only those that ever reach 5 % are drawn, each named at its highest point.
    """
    figure = go.Figure()
    others = [k for k in range(10) if k != label and probabilities[:, k].max() >= 0.05]
    for place, digit in enumerate([*others, label]):
        values = 100 * probabilities[:, digit]
        true = digit == label
        figure.add_trace(
            go.Scatter(
                x=list(epochs),
                y=values.tolist(),
                mode="lines+markers",
                line={
                    "color": ANSWER_COLOR if true else DIGIT_COLORS[digit],
                    "width": 4 if true else 2,
                    "dash": "solid" if true else _DASHES[1 + place % 4],
                },
                marker={"size": 9 if true else 6, "symbol": "circle" if true else "x"},
                name=f"{digit}, its label" if true else str(digit),
                hovertemplate=f"epoch %{{x}}: {digit} with %{{y:.1f}} %<extra></extra>",
            )
        )
    set_curve_layout(figure, _HEIGHT, text_color)
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title_text="epoch", tickformat="d", nticks=10)
    figure.update_yaxes(title_text="probability", ticksuffix=" %", range=[-3, 103])
    if at is not None:
        figure.add_vline(x=at, line={"color": OTHER_COLOR, "width": 2, "dash": "dash"})
    return figure


def truth_strip(
    epochs: Sequence[int],
    label_probabilities: NDArray[np.float32],
    answers: NDArray[np.uint8],
    digits: Mapping[str, int],
    *,
    theme: str = "light",
    text_color: str | None = None,
) -> go.Figure:
    """For a few digits, a row each, the probability of the label after each epoch.

    `label_probabilities`: 0 to 1, and `answers`, both (digits, epochs); the answer is written in
    its field, a wrong one with a cross. `digits`: the label of each digit by the name of its row.
    """
    words = [
        [f"{answer}" if answer == label else f"{answer} ✗" for answer in row]
        for row, label in zip(answers.tolist(), digits.values(), strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            x=[str(epoch) for epoch in epochs],
            y=list(digits),
            z=1 - label_probabilities,
            customdata=100 * label_probabilities,
            text=words,
            texttemplate="%{text}" if len(epochs) <= 12 else None,
            textfont={"color": text_color},
            colorscale=_REDS[theme],
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=1,
            ygap=1,
            hovertemplate=(
                "%{y}, epoch %{x}: read as %{text}, its label has %{customdata:.1f} %"
                "<extra></extra>"
            ),
        )
    )
    set_curve_layout(figure, 70 + 26 * len(digits), text_color)
    figure.update_xaxes(title_text="epoch", type="category", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return figure


_MAX_SLICE_RUNS: Final = len(LINE_STYLES)


def error_rate_chart(
    bins_by_run: Mapping[str, Sequence[SliceBin]], trait: Measure, text_color: str | None = None
) -> go.Figure:
    """Each bin's error rate as a point with its 95 % interval, of up to four runs.

    `bins_by_run`: the bins by the run's name; all runs have the same bins. Raises ValueError for
    more.
    """
    check_run_count(bins_by_run, _MAX_SLICE_RUNS)
    figure = go.Figure()
    for number, (name, bins) in enumerate(bins_by_run.items()):
        # Beside each other, or the intervals of two runs would hide one another.
        shift = (number - (len(bins_by_run) - 1) / 2) * 0.16
        figure.add_trace(
            go.Scatter(
                x=[k + shift for k in range(len(bins))],
                y=[100 * slice_bin.rate for slice_bin in bins],
                error_y={
                    "type": "data",
                    "array": [100 * (slice_bin.high - slice_bin.rate) for slice_bin in bins],
                    "arrayminus": [100 * (slice_bin.rate - slice_bin.low) for slice_bin in bins],
                    "color": LINE_STYLES[number][0],
                    "thickness": 2,
                },
                cliponaxis=False,
                **line_style(number),
                name=in_figure(name),
                customdata=[
                    (
                        f"{slice_bin.wrong:,} of {slice_bin.n:,} wrong",
                        100 * slice_bin.low,
                        100 * slice_bin.high,
                    )
                    for slice_bin in bins
                ],
                hovertemplate="%{customdata[0]}: %{y:.2f} %"
                "<br>95 % interval %{customdata[1]:.2f} to %{customdata[2]:.2f} %"
                f"<extra>{in_figure(name)}</extra>",
            )
        )
    set_curve_layout(figure, 320, text_color)
    figure.update_layout(showlegend=len(bins_by_run) > 1)
    bins = next(iter(bins_by_run.values()), ())
    _bin_axis(figure, bins, trait)
    figure.update_yaxes(
        title_text="read wrongly", ticksuffix=" %", rangemode="tozero", nticks=6, zeroline=False
    )
    return figure


def label_map(
    table: SliceTable, bins: Sequence[SliceBin], trait: Measure, text_color: str | None = None
) -> go.Figure:
    """Each label (down) in each bin (across): the share of wrong answers, and both numbers.

    Where there is no digit, the cell is empty.
    """
    n, wrong = table.n, table.wrong
    rate = np.where(n > 0, 100 * wrong / np.maximum(n, 1), np.nan)
    figure = go.Figure(
        go.Heatmap(
            z=[[None if np.isnan(value) else float(value) for value in row] for row in rate],
            x=list(range(len(bins))),
            y=[str(digit) for digit in range(len(n))],
            # From clear to full, so that it is pale on a light theme and dim on a dark one.
            colorscale=[(0, _faded(0.06)), (1, _faded(0.6))],
            zmin=0,
            zmax=max(float(np.nanmax(rate)), 1),
            text=[
                [f"{w}/{m}" if m else "" for w, m in zip(*pair, strict=True)]
                for pair in zip(wrong.tolist(), n.tolist(), strict=True)
            ],
            texttemplate="%{text}",
            textfont={"size": 11, "color": text_color},
            xgap=2,
            ygap=2,
            showscale=False,
            hoverongaps=False,
            hovertemplate="label %{y}: %{text} wrong (%{z:.1f} %)<extra></extra>",
        )
    )
    set_curve_layout(figure, 400, text_color)
    _bin_axis(figure, bins, trait)
    figure.update_yaxes(type="category", autorange="reversed", title_text="label", showgrid=False)
    figure.update_xaxes(showgrid=False)
    return figure


def label_span(slice_bin: SliceBin, trait: Measure) -> str:
    """The limits of a bin with their unit, such as "1.9 to 2.3 px"."""
    space = "" if trait.unit in {"", "°"} else " "
    return (
        f"{_number(slice_bin.start, trait)} to {_number(slice_bin.end, trait)}{space}{trait.unit}"
    )


def _number(value: float, trait: Measure) -> str:
    # Adding zero turns −0 into 0.
    return f"{round(value, trait.decimals) + 0:.{trait.decimals}f}".replace("-", "−")


def _bin_axis(figure: go.Figure, bins: Sequence[SliceBin], trait: Measure) -> None:
    """Each bin with its edges, two lines high, and what its ends are called."""
    names = [
        f"{_number(slice_bin.start, trait)} to<br>{_number(slice_bin.end, trait)}"
        for slice_bin in bins
    ]
    unit = f" ({trait.unit})" if trait.unit else ""
    figure.update_xaxes(
        tickmode="array",
        tickvals=list(range(len(bins))),
        ticktext=names,
        tickangle=0,
        range=[-0.5, len(bins) - 0.5],
        title_text=f"← {trait.low} · {trait.name}{unit} · {trait.high} →",
    )


def _faded(opacity: float) -> str:
    red, green, blue = rgb(DIGIT_COLORS[6])
    return f"rgba({red}, {green}, {blue}, {opacity})"


_ROBUSTNESS_HEIGHT = 300


def robustness_chart(
    kind: CorruptionParameter,
    curves_by_run: Mapping[str, RobustnessCurves],
    at: float,
    text_color: str | None = None,
) -> go.Figure:
    """Accuracy over the strength of one corruption, of one or two runs by name.

    `at`: where the slider stands, which is marked. Raises ValueError for more than two runs.
    """
    check_run_count(curves_by_run, 2)
    figure = go.Figure()
    for place, (name, curves) in enumerate(curves_by_run.items()):
        curve = curves.kinds[kind.name]
        figure.add_trace(
            go.Scatter(
                x=list(curve.values),
                y=[100 * (1 - wrong / curves.n) for wrong in curve.wrong],
                customdata=[
                    [kind.format_value(value), wrong]
                    for value, wrong in zip(curve.values, curve.wrong, strict=True)
                ],
                **line_style(place),
                name=in_figure(name),
                hovertemplate=(
                    "%{customdata[0]}: %{customdata[1]:,} wrong of "
                    f"{curves.n:,} (%{{y:.1f}} %)<extra>{in_figure(name)}</extra>"
                ),
            )
        )
    set_curve_layout(figure, _ROBUSTNESS_HEIGHT, text_color)
    figure.update_layout(showlegend=len(curves_by_run) > 1)
    room = (kind.high - kind.low) / 20  # on the right for the mark's word
    figure.update_xaxes(
        title_text=f"{kind.label.lower()} ({axis_unit(kind)})",
        range=[kind.low - room / 2, kind.high + 2 * room],
        zeroline=False,
    )
    figure.update_yaxes(title_text="accuracy", ticksuffix=" %", range=[0, 103])
    mark_epoch(figure, at, kind.format_value(at), text_color)
    return figure
