"""Plotly figures of stress tests: data in, figure out."""

from collections.abc import Mapping

import plotly.graph_objects as go

from core.run_lines import in_figure, lay_out, look, mark
from core.stress import Kind
from core.stress_curves import Curves

_HEIGHT = 300


def accuracy_curves(
    kind: Kind, found: Mapping[str, Curves], at: float, text_colour: str | None = None
) -> go.Figure:
    """Accuracy over the range of one kind of stress, of one or two runs by name.

    `at`: where the slider stands, which is marked. Raises ValueError for more than two runs.
    """
    if len(found) > 2:
        raise ValueError(f"at most two runs can be told apart here, not {len(found)}")
    figure = go.Figure()
    for place, (name, curves) in enumerate(found.items()):
        curve = curves.kinds[kind.name]
        figure.add_trace(
            go.Scatter(
                x=list(curve.values),
                y=[100 * (1 - wrong / curves.n) for wrong in curve.wrong],
                customdata=[
                    [kind.written(value), wrong]
                    for value, wrong in zip(curve.values, curve.wrong, strict=True)
                ],
                **look(place),
                name=in_figure(name),
                hovertemplate=(
                    "%{customdata[0]}: %{customdata[1]:,} wrong of "
                    f"{curves.n:,} (%{{y:.1f}} %)<extra>{in_figure(name)}</extra>"
                ),
            )
        )
    lay_out(figure, _HEIGHT, text_colour)
    figure.update_layout(showlegend=len(found) > 1)
    room = (kind.high - kind.low) / 20  # on the right for the mark's word
    figure.update_xaxes(
        title_text=f"{kind.label.lower()} ({_unit(kind)})",
        range=[kind.low - room / 2, kind.high + 2 * room],
        zeroline=False,
    )
    figure.update_yaxes(title_text="accuracy", ticksuffix=" %", range=[0, 103])
    mark(figure, at, kind.written(at), text_colour)
    return figure


def _unit(kind: Kind) -> str:
    """What the numbers on the axis count."""
    units = {"rotation": "degrees", "scale": "factor", "noise": "grey levels", "invert": "%"}
    return units.get(kind.name, "pixels")
