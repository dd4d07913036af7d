"""Plotly figures of a run's mistakes over the epochs of its training: data in, figure out.

Epochs stand as names, not as numbers: those that are kept lie ever further apart.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.datasets import CLASSES
from core.palette import ANSWER, DIGITS, DIVERGING, OTHER
from core.run_lines import frame_column, in_figure, lay_out, look, mark

_HEIGHT: Final = 300
_REDS: Final = {
    # From the background of the theme to a red on which the theme's text can still be read.
    "light": [[0, "#ffffff"], [1, DIVERGING["light"][3]]],
    "dark": [[0, "#11191e"], [1, DIVERGING["dark"][2]]],
}
_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")


def errors_over_epochs(
    found: Mapping[str, Sequence[tuple[int, int]]], at: int | None, text_colour: str | None = None
) -> go.Figure:
    """How many digits are wrong after each epoch, of one or two runs by name.

    `found`: for each run (epoch, wrong), epochs rising. `at`: the chosen epoch, which is marked.
    """
    figure = go.Figure()
    for place, (name, points) in enumerate(found.items()):
        figure.add_trace(
            go.Scatter(
                x=[epoch for epoch, _ in points],
                y=[wrong for _, wrong in points],
                **look(place),
                name=in_figure(name),
                hovertemplate=f"epoch %{{x}}: %{{y:,}} wrong<extra>{in_figure(name)}</extra>",
            )
        )
    lay_out(figure, _HEIGHT, text_colour)
    figure.update_layout(showlegend=len(found) > 1)
    figure.update_xaxes(title_text="epoch", tickformat="d", nticks=10)
    figure.update_yaxes(title_text="wrong", rangemode="tozero", tickformat=",d")
    if at is not None:
        mark(figure, at, f"epoch {at}", text_colour)
    return figure


def class_errors(
    epochs: Sequence[int],
    wrong: NDArray[np.intp],
    at: int | None,
    *,
    theme: str = "light",
    text_colour: str | None = None,
) -> go.Figure:
    """A table of errors, classes down and epochs across: whole numbers `wrong` (10, epochs).

    The chosen epoch's column is framed. Colours grow with the root, so that few errors show.
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
            textfont={"color": text_colour},
            colorscale=_REDS[theme],
            zmin=0,
            showscale=False,
            xgap=1,
            ygap=1,
            hovertemplate="epoch %{x}, label %{y}: %{customdata:,} wrong<extra></extra>",
        )
    )
    lay_out(figure, _HEIGHT, text_colour)
    figure.update_xaxes(title_text="epoch", type="category", showgrid=False)
    figure.update_yaxes(title_text="label", type="category", autorange="reversed", showgrid=False)
    if at is not None and at in epochs:
        frame_column(figure, list(epochs).index(at), CLASSES, text_colour)
    return figure


def learnt_bars(
    epochs: Sequence[int], learnt: Sequence[int], text_colour: str | None = None
) -> go.Figure:
    """How many digits are right for good from each epoch on, and how many never: one bar each.

    `learnt`: a count for each epoch, then that of the digits that are wrong at the end.
    """
    figure = go.Figure(
        go.Bar(
            x=[*(str(epoch) for epoch in epochs), "never"],
            y=list(learnt),
            marker_color=[*([ANSWER] * len(epochs)), DIGITS[2]],
            text=[f"{count:,}" for count in learnt],
            textposition="outside",
            textfont={"color": text_colour},
            cliponaxis=False,
            unselected={"marker": {"opacity": 1}},
            hovertemplate="%{x}: %{y:,} digits<extra></extra>",
        )
    )
    lay_out(figure, _HEIGHT, text_colour)
    figure.update_layout(margin_t=24)
    figure.update_xaxes(title_text="right for good from epoch", type="category")
    # Most digits are learnt in the first epoch: the others must be seen too.
    figure.update_yaxes(title_text="digits", type="log", showgrid=False, showticklabels=False)
    figure.update_yaxes(range=[-0.3, np.log10(max(1, *learnt)) + 0.4])
    return figure


def digit_over_epochs(
    epochs: Sequence[int],
    probabilities: NDArray[np.float32],
    label: int,
    at: int | None,
    text_colour: str | None = None,
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
                    "color": ANSWER if true else DIGITS[digit],
                    "width": 4 if true else 2,
                    "dash": "solid" if true else _DASHES[1 + place % 4],
                },
                marker={"size": 9 if true else 6, "symbol": "circle" if true else "x"},
                name=f"{digit}, its label" if true else str(digit),
                hovertemplate=f"epoch %{{x}}: {digit} with %{{y:.1f}} %<extra></extra>",
            )
        )
    lay_out(figure, _HEIGHT, text_colour)
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title_text="epoch", tickformat="d", nticks=10)
    figure.update_yaxes(title_text="probability", ticksuffix=" %", range=[-3, 103])
    if at is not None:
        figure.add_vline(x=at, line={"color": OTHER, "width": 2, "dash": "dash"})
    return figure


def truth_strip(
    epochs: Sequence[int],
    of_truth: NDArray[np.float32],
    answers: NDArray[np.uint8],
    digits: Mapping[str, int],
    *,
    theme: str = "light",
    text_colour: str | None = None,
) -> go.Figure:
    """For a few digits, a row each, the probability of the label after each epoch.

    `of_truth`: 0 to 1, and `answers`, both (digits, epochs); the answer is written in its field, a
    wrong one with a cross. `digits`: the label of each digit by the name of its row.
    """
    words = [
        [f"{answer}" if answer == label else f"{answer} ✗" for answer in row]
        for row, label in zip(answers.tolist(), digits.values(), strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            x=[str(epoch) for epoch in epochs],
            y=list(digits),
            z=1 - of_truth,
            customdata=100 * of_truth,
            text=words,
            texttemplate="%{text}" if len(epochs) <= 12 else None,
            textfont={"color": text_colour},
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
    lay_out(figure, 70 + 26 * len(digits), text_colour)
    figure.update_xaxes(title_text="epoch", type="category", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return figure
