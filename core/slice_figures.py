"""Plotly figures of slices: data in, figure out. Dash and marker, too, tell two runs apart."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go

from core.palette import DIGITS, rgb
from core.run_lines import LINES, in_figure, lay_out, look
from core.slices import Bin, Table
from core.traits import Trait

MOST: Final = len(LINES)


def error_rates(
    found: Mapping[str, Sequence[Bin]], trait: Trait, text_colour: str | None = None
) -> go.Figure:
    """Each bin's error rate as a point with its 95 % interval, of up to four runs.

    `found`: the bins by the run's name; all runs have the same bins. Raises ValueError for more.
    """
    if len(found) > MOST:
        raise ValueError(f"at most {MOST} runs can be told apart here, not {len(found)}")
    figure = go.Figure()
    for number, (name, bins) in enumerate(found.items()):
        # Beside each other, or the intervals of two runs would hide one another.
        shift = (number - (len(found) - 1) / 2) * 0.16
        figure.add_trace(
            go.Scatter(
                x=[k + shift for k in range(len(bins))],
                y=[100 * one.rate for one in bins],
                error_y={
                    "type": "data",
                    "array": [100 * (one.high - one.rate) for one in bins],
                    "arrayminus": [100 * (one.rate - one.low) for one in bins],
                    "color": LINES[number][0],
                    "thickness": 2,
                },
                cliponaxis=False,
                **look(number),
                name=in_figure(name),
                customdata=[
                    (f"{one.wrong:,} of {one.n:,} wrong", 100 * one.low, 100 * one.high)
                    for one in bins
                ],
                hovertemplate="%{customdata[0]}: %{y:.2f} %"
                "<br>95 % interval %{customdata[1]:.2f} to %{customdata[2]:.2f} %"
                f"<extra>{in_figure(name)}</extra>",
            )
        )
    lay_out(figure, 320, text_colour)
    figure.update_layout(showlegend=len(found) > 1)
    bins = next(iter(found.values()), ())
    _bin_axis(figure, bins, trait)
    figure.update_yaxes(
        title_text="read wrongly", ticksuffix=" %", rangemode="tozero", nticks=6, zeroline=False
    )
    return figure


def label_map(
    table: Table, bins: Sequence[Bin], trait: Trait, text_colour: str | None = None
) -> go.Figure:
    """Each label (down) in each bin (across): the share of wrong answers, and both numbers.

    Where there is no digit, the cell is empty.
    """
    n, wrong = table.n, table.wrong
    rate = np.where(n > 0, 100 * wrong / np.maximum(n, 1), np.nan)
    figure = go.Figure(
        go.Heatmap(
            z=[[None if np.isnan(one) else float(one) for one in row] for row in rate],
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
            textfont={"size": 11, "color": text_colour},
            xgap=2,
            ygap=2,
            showscale=False,
            hoverongaps=False,
            hovertemplate="label %{y}: %{text} wrong (%{z:.1f} %)<extra></extra>",
        )
    )
    lay_out(figure, 400, text_colour)
    _bin_axis(figure, bins, trait)
    figure.update_yaxes(type="category", autorange="reversed", title_text="label", showgrid=False)
    figure.update_xaxes(showgrid=False)
    return figure


def span(one: Bin, trait: Trait) -> str:
    """From where to where a bin goes, with its unit: "1.9 to 2.3 px"."""
    space = "" if trait.unit in {"", "°"} else " "
    return f"{_number(one.start, trait)} to {_number(one.end, trait)}{space}{trait.unit}"


def _number(value: float, trait: Trait) -> str:
    # Adding zero turns −0 into 0.
    return f"{round(value, trait.decimals) + 0:.{trait.decimals}f}".replace("-", "−")


def _bin_axis(figure: go.Figure, bins: Sequence[Bin], trait: Trait) -> None:
    """Each bin with its edges, two lines high, and what its ends are called."""
    names = [f"{_number(one.start, trait)} to<br>{_number(one.end, trait)}" for one in bins]
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
    red, green, blue = rgb(DIGITS[6])
    return f"rgba({red}, {green}, {blue}, {opacity})"
