"""The curves of a training as ECharts options: plain data, cheap enough to be sent every second.

Streamlit gives a chart that stands on the page its new options as a whole: nothing flickers, but
what a visitor did to it, a zoom or a line switched off, would be undone every second. So there is
nothing of that kind here, and no animation.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from core.curve import Curve
from core.live import Mark
from core.palette import DIGITS
from core.recipes import Recipe

TRAINING: Final = DIGITS[0]
VALIDATION: Final = DIGITS[6]
EARLIER: Final = ((DIGITS[8], [6, 4], "triangle"), (DIGITS[3], [2, 3], "rect"))
"""Colour, dashes and symbol of the runs underneath."""

MAX_POINTS: Final = 200
"""Of the line by batch groups: about as many as a chart in half a page can show."""
MAX_NAME: Final = 24
TOPS: Final = (99, 95, 90, 50)
"""Where the accuracy's axis may begin, in percent, when only its top is wanted."""
TITLE_PX: Final = 24
LEGEND_PX: Final = 20

Spec = dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """An earlier run to be laid underneath: its name and its `Live.epochs`."""

    name: str
    epochs: pd.DataFrame


def loss_chart(
    curve: Curve,
    epochs: pd.DataFrame,
    *,
    total: int,
    log: bool = False,
    compare: Sequence[Compared] = (),
    marks: Sequence[Mark] = (),
    text_colour: str | None = None,
) -> Spec:
    """The loss over the epochs: by batch groups, by epoch, and in validation.

    `epochs` are those of a Live; `total` is where the x axis ends. `log`: a logarithmic y axis, on
    which a loss of 0 has no place. The first two of `compare` are drawn. `marks` are upright lines
    with the new learning rate, written in `text_colour`.
    """
    lines = _own(curve.x, curve.loss, epochs, "loss") + _earlier(compare, "loss", total)
    axis: Spec = {"type": "value", "min": 0}
    if log:
        for line in lines:
            line["data"] = [[x, y if y and y > 0 else None] for x, y in line["data"]]
        axis = {"type": "log", **_log_range(lines)}
    _mark(lines[0], marks, total, text_colour)
    return _chart("Loss", lines, axis, total, "%.4f")


def accuracy_chart(
    curve: Curve,
    epochs: pd.DataFrame,
    *,
    total: int,
    zoom_top: bool = False,
    compare: Sequence[Compared] = (),
    marks: Sequence[Mark] = (),
    text_colour: str | None = None,
) -> Spec:
    """The accuracy in percent, drawn like the loss.

    With `zoom_top` the y axis begins at 99, 95, 90 or 50 %: the highest that leaves the newer half
    of the epochs in sight.
    """
    lines = _own(curve.x, curve.accuracy, epochs, "accuracy", 100)
    lines += _earlier(compare, "accuracy", total, 100)
    _mark(lines[0], marks, total, text_colour)
    low = _top(curve, epochs) if zoom_top else 0
    axis = {"type": "value", "min": low, "max": 100}
    return _chart("Accuracy, %", lines, axis, total, "%.2f %%")


def learning_rate_chart(
    curve: Curve, *, total: int, marks: Sequence[Mark] = (), text_colour: str | None = None
) -> Spec:
    """The learning rate over the epochs as it was, with what was changed by hand."""
    line = _line("learning rate", _points(curve.x, curve.learning_rate), TRAINING)
    _mark(line, marks, total, text_colour)
    chart = _chart("Learning rate", [line], {"type": "value", "min": 0}, total, "%.3g")
    chart["legend"] = []
    chart["grid"]["top"] = TITLE_PX + 8
    return chart


def caption(
    recipe: Recipe, curve: Curve | None = None, steps: int = 1, *, smooth: bool = False
) -> str:
    """What each curve contains, for a student: why validation can look better than training.

    `curve` is the thin line, of epochs of `steps` batches; `smooth`: it was smoothed.
    """
    has_dropout = any(layer.kind == "dropout" for layer in recipe.architecture.layers)
    moving = recipe.augmentation.active
    during = ["with dropout on"] * has_dropout + ["on digits that were changed at random"] * moving
    after = ["with dropout off"] * has_dropout + ["on unchanged digits"] * moving
    training = (
        f"Thin line: training, {_grouped(curve, steps)}{', smoothed' * smooth}. Dots: training, "
        f"averaged over the epoch while the network was still changing{_listed(during)}."
    )
    if not recipe.validates:
        return (
            f"{training} There is no validation: this recipe keeps no digits aside, so only the "
            "test at the end tells how well the network reads digits that it has not learnt from."
        )
    digits = (
        "the test digits"
        if recipe.validate_on_test
        else f"{100 * recipe.validation_split:g} % of the digits, which are kept out of training"
    )
    return (
        f"{training} Diamonds: validation on {digits}, measured when the epoch is over"
        f"{_listed(after)}. That is why validation can look better than training."
    )


def _grouped(curve: Curve | None, steps: int) -> str:
    """How many batches a point stands for, to two digits; where points were merged, all of them."""
    if curve is None or len(curve.x) < 2:
        return "averaged over groups of batches"
    batches = int(float(f"{np.median(np.diff(curve.x)) * steps:.2g}"))
    return f"averaged over groups of about {batches} batches" if batches > 1 else "batch by batch"


def _listed(parts: Sequence[str]) -> str:
    return f", {' and '.join(parts)}" if parts else ""


def _own(
    x: ArrayLike, values: ArrayLike, epochs: pd.DataFrame, measure: str, factor: int = 1
) -> list[Spec]:
    ends, training = epochs["x"], epochs[measure]
    validation = epochs[f"val_{measure}"]
    # A tooltip speaks of the nearest point only, and batches are always nearer than epochs.
    tooltip = {"show": not len(epochs)}
    lines = [
        _line("batches", _points(x, np.multiply(values, factor)), TRAINING, width=1, opacity=0.6)
        | {"tooltip": tooltip},
        _line("training", _points(ends, training * factor), TRAINING, symbol="circle"),
    ]
    if validation.notna().any():
        points = _points(ends, validation * factor)
        lines.append(_line("validation", points, VALIDATION, symbol="diamond", dashes=[5, 3]))
    return lines


def _earlier(compare: Sequence[Compared], measure: str, total: int, factor: int = 1) -> list[Spec]:
    lines: list[Spec] = []
    for run, (colour, dashes, symbol) in zip(compare, EARLIER, strict=False):
        validated = run.epochs[f"val_{measure}"].notna().any()
        kind, column = ("validation", f"val_{measure}") if validated else ("training", measure)
        seen = run.epochs[run.epochs["x"] <= total]
        shown = run.name if len(run.name) <= MAX_NAME else f"{run.name[: MAX_NAME - 1]}…"
        name = f"{shown}, {kind}"
        if any(name == line["name"] for line in lines):  # the legend knows lines by their names
            name += " (2)"
        points = _points(seen["x"], seen[column] * factor)
        lines.append(_line(name, points, colour, symbol=symbol, dashes=dashes, z=1))
    return lines


def _line(
    name: str,
    data: list[list[float | None]],
    colour: str,
    *,
    symbol: str = "none",
    width: float = 2,
    opacity: float = 1,
    dashes: list[int] | None = None,
    z: int = 2,
) -> Spec:
    return {
        "type": "line",
        "name": name,
        "data": data,
        "symbol": symbol,
        "symbolSize": 9 if symbol == "diamond" else 6,
        "showSymbol": symbol != "none",
        "color": colour,
        "lineStyle": {"width": width, "opacity": opacity, "type": dashes or "solid"},
        "emphasis": {"disabled": True},
        "z": z,
    }


def _points(x: ArrayLike, y: ArrayLike) -> list[list[float | None]]:
    """Pairs to send: few digits, and nothing where a figure is not finite."""
    pairs = zip(np.asarray(x, float).tolist(), np.asarray(y, float).tolist(), strict=True)
    return [[float(f"{a:.4g}"), float(f"{b:.4g}") if math.isfinite(b) else None] for a, b in pairs]


def _chart(title: str, lines: list[Spec], y_axis: Spec, total: int, value: str) -> Spec:
    names = [line["name"] for line in lines]
    own = [name for name in names if name in {"batches", "training", "validation"}]
    rows = [own, *([name] for name in names if name not in own)]
    return {
        "animation": False,
        "title": {"text": title, "left": 0, "top": 2},
        "legend": [
            {
                # A line without symbols would get one here.
                "data": [
                    {"name": name, "itemStyle": {"opacity": int(name != "batches")}} for name in row
                ],
                "left": 0,
                "top": TITLE_PX + k * LEGEND_PX,
                "itemWidth": 26,
                "itemHeight": 8,
                "selectedMode": False,
            }
            for k, row in enumerate(rows)
        ],
        "grid": {
            "left": 4,
            "right": 28,
            "top": TITLE_PX + len(rows) * LEGEND_PX + 20,
            "bottom": 4,
        },
        "tooltip": {"trigger": "axis", "confine": True, "valueFormatter": value},
        "xAxis": {
            "type": "value",
            "min": 0,
            "max": total,
            "minInterval": 1,
            "name": "epochs",
            "nameLocation": "middle",
            "nameGap": 24,
            "splitLine": {"show": False},
            "axisPointer": {"snap": True, "label": {"formatter": "after {value} epochs"}},
        },
        "yAxis": y_axis,
        "series": lines,
    }


def _mark(line: Spec, marks: Sequence[Mark], total: int, text_colour: str | None) -> None:
    """Upright lines where the learning rate was changed; of those close together, one is named."""
    data: list[Spec] = []
    named = math.inf
    for mark in reversed(marks):
        room = named - mark.x > total / 3.5  # for the words
        named = mark.x if room else named
        name = f"rate {mark.learning_rate:.3g}"
        data.append({"xAxis": mark.x, "name": name, "label": {"show": room}})
    if data:
        line["markLine"] = {
            "silent": True,
            "symbol": "none",
            "lineStyle": {"color": EARLIER[0][0], "type": "dotted", "width": 1.5, "opacity": 1},
            "label": {"formatter": "{b}", "color": text_colour, "position": "end"},
            "data": data,
        }


def _log_range(lines: Iterable[Spec]) -> dict[str, float]:
    """Ends for a logarithmic axis close around the data: 1, 2 or 5 times a power of ten."""
    values = [y for line in lines for _, y in line["data"] if y is not None]
    if not values:
        return {"min": 0.01, "max": 5}
    return {"min": _nice(min(values), up=False), "max": _nice(max(values), up=True)}


def _nice(value: float, *, up: bool) -> float:
    power = math.floor(math.log10(value))
    steps = [float(f"{k}e{power}") for k in (1, 2, 5, 10)]
    return (
        next(k for k in steps if k >= value) if up else next(k for k in steps[::-1] if k <= value)
    )


def _top(curve: Curve, epochs: pd.DataFrame) -> int:
    newer = epochs[["accuracy", "val_accuracy"]].iloc[len(epochs) // 2 :].to_numpy().ravel()
    groups = curve.accuracy[len(curve.accuracy) // 2 :]
    seen = newer[np.isfinite(newer)] if len(epochs) else groups[np.isfinite(groups)]
    low = 100 * float(seen.min()) if len(seen) else 0.0
    return next((top for top in TOPS if top <= low), 0)
