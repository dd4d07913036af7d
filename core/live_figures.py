"""The curves of a training as plain data, small enough to be sent every second.

The browser only draws what is here (`pages/widgets/live_chart.js`): lines, their looks, the ends
and the ticks of both axes. What it draws once a second beside a training must cost next to nothing.
"""

import math
from collections.abc import Sequence
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
EARLIER: Final = ((DIGITS[8], [6, 4], "triangle"), (DIGITS[3], [2, 3], "square"))
"""Colour, dashes and symbol of the runs underneath."""

MAX_POINTS: Final = 200
"""Of the line by batch groups: about as many as a chart in half a page can show."""
MAX_NAME: Final = 24
TOPS: Final = (99, 95, 90, 50)
"""Where the accuracy's axis may begin, in percent, when only its top is wanted."""
TICKS: Final = 5
"""About as many on a y axis."""
MAX_EPOCH_TICKS: Final = 8
BATCHES: Final = "batches"
"""The name of the line by batch groups."""

Chart = dict[str, Any]
"""`title`, `unit` and `decimals` of the values, `lines`, `marks`, and the axes `x` and `y`.

An axis has `low`, `high` and `ticks`; `y` also has `log`. A line has `name`, `colour`, `width`,
`opacity`, `dashes` (px, may be empty), `symbol` ("" for none) and `points`, pairs of x and y, where
y is None in a gap; later lines lie above earlier ones. A mark has `x` and `name`, which is empty
where there is no room for it.
"""


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
) -> Chart:
    """The loss over the epochs: by batch groups, by epoch, and in validation.

    `epochs` are those of a Live; `total` is where the x axis ends. `log`: a logarithmic y axis, on
    which a loss of 0 has no place. The first two of `compare` are drawn. `marks` are upright lines
    with the new learning rate.
    """
    lines = _earlier(compare, "loss", total) + _own(curve.x, curve.loss, epochs, "loss")
    if log:
        for line in lines:
            line["points"] = [[x, y if y and y > 0 else None] for x, y in line["points"]]
    values = [y for line in lines for _, y in line["points"] if y is not None]
    axis = _log_axis(values) if log else _axis(0, max(values, default=1) or 1)
    return _chart("Loss", lines, axis, total, marks) | {"unit": "", "decimals": 4}


def accuracy_chart(
    curve: Curve,
    epochs: pd.DataFrame,
    *,
    total: int,
    zoom_top: bool = False,
    compare: Sequence[Compared] = (),
    marks: Sequence[Mark] = (),
) -> Chart:
    """The accuracy in percent, drawn like the loss.

    With `zoom_top` the y axis begins at 99, 95, 90 or 50 %: the highest that leaves the newer half
    of the epochs in sight.
    """
    lines = _earlier(compare, "accuracy", total, 100)
    lines += _own(curve.x, curve.accuracy, epochs, "accuracy", 100)
    axis = _axis(_top(curve, epochs) if zoom_top else 0, 100)
    return _chart("Accuracy, %", lines, axis, total, marks) | {"unit": " %", "decimals": 2}


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
) -> list[Chart]:
    ends, training = epochs["x"], epochs[measure]
    validation = epochs[f"val_{measure}"]
    lines = [
        _line(BATCHES, _points(x, np.multiply(values, factor)), TRAINING, width=1, opacity=0.6),
        _line("training", _points(ends, training * factor), TRAINING, symbol="circle"),
    ]
    if validation.notna().any():
        points = _points(ends, validation * factor)
        lines.append(_line("validation", points, VALIDATION, symbol="diamond", dashes=[5, 3]))
    return lines


def _earlier(compare: Sequence[Compared], measure: str, total: int, factor: int = 1) -> list[Chart]:
    lines: list[Chart] = []
    for run, (colour, dashes, symbol) in zip(compare, EARLIER, strict=False):
        validated = run.epochs[f"val_{measure}"].notna().any()
        kind, column = ("validation", f"val_{measure}") if validated else ("training", measure)
        seen = run.epochs[run.epochs["x"] <= total]
        shown = run.name if len(run.name) <= MAX_NAME else f"{run.name[: MAX_NAME - 1]}…"
        name = f"{shown}, {kind}"
        if any(name == line["name"] for line in lines):  # the legend knows lines by their names
            name += " (2)"
        points = _points(seen["x"], seen[column] * factor)
        lines.append(_line(name, points, colour, symbol=symbol, dashes=dashes))
    return lines


def _line(
    name: str,
    points: list[list[float | None]],
    colour: str,
    *,
    symbol: str = "",
    width: float = 2,
    opacity: float = 1,
    dashes: Sequence[int] = (),
) -> Chart:
    return {
        "name": name,
        "points": points,
        "colour": colour,
        "symbol": symbol,
        "width": width,
        "opacity": opacity,
        "dashes": list(dashes),
    }


def _points(x: ArrayLike, y: ArrayLike) -> list[list[float | None]]:
    """Pairs to send: few digits, and nothing where a figure is not finite."""
    pairs = zip(np.asarray(x, float).tolist(), np.asarray(y, float).tolist(), strict=True)
    return [[float(f"{a:.4g}"), float(f"{b:.4g}") if math.isfinite(b) else None] for a, b in pairs]


def _chart(
    title: str, lines: list[Chart], y_axis: Chart, total: int, marks: Sequence[Mark]
) -> Chart:
    return {
        "title": title,
        "lines": lines,
        "marks": _named(marks, total),
        "x": {"low": 0, "high": total, "ticks": _epoch_ticks(total)},
        "y": y_axis,
    }


def _named(marks: Sequence[Mark], total: int) -> list[Chart]:
    """Where the learning rate was changed; of marks that are close together, the last is named."""
    data: list[Chart] = []
    before = math.inf
    for mark in reversed(marks):
        room = before - mark.x > total / 3.5  # for the words
        before = mark.x if room else before
        data.insert(0, {"x": mark.x, "name": f"rate {mark.learning_rate:.3g}" if room else ""})
    return data


def _epoch_ticks(total: int) -> list[int]:
    step = next(
        k * 10**power
        for power in range(5)
        for k in (1, 2, 5)
        if total / (k * 10**power) <= MAX_EPOCH_TICKS
    )
    return list(range(0, total + 1, step))


def _axis(low: float, high: float) -> Chart:
    """A linear axis that ends on a tick, with ticks at 1, 2 or 5 times a power of ten."""
    step = _nice((high - low) / TICKS, up=True)
    count = math.ceil(round((high - low) / step, 6))
    ticks = [float(f"{low + k * step:.6g}") for k in range(count + 1)]
    return {"low": low, "high": ticks[-1], "ticks": ticks, "log": False}


def _log_axis(values: Sequence[float]) -> Chart:
    """A logarithmic axis close around the values, with ends like its ticks.

    The ticks are at 1, 2 and 5 times the powers of ten, or, if these are too many, at the powers.
    """
    low = _nice(min(values), up=False) if values else 0.01
    high = _nice(max(values), up=True) if values else 5.0
    powers = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    every = [float(f"{k}e{power}") for power in powers for k in (1, 2, 5)]
    ticks = [tick for tick in every if low <= tick <= high]
    if len(ticks) > 2 * TICKS:
        ticks = [tick for tick in ticks if f"{tick:e}".startswith("1.0")]
    return {"low": low, "high": max(high, 2 * low), "ticks": ticks, "log": True}


def _nice(value: float, *, up: bool) -> float:
    power = math.floor(math.log10(value))
    steps = [float(f"{k}e{power}") for k in (1, 2, 5, 10)]
    if up:
        return next(k for k in steps if k >= value * (1 - 1e-9))  # a fifth of 1e30 is above 2e29
    return next(k for k in steps[::-1] if k <= value)


def _top(curve: Curve, epochs: pd.DataFrame) -> int:
    newer = epochs[["accuracy", "val_accuracy"]].iloc[len(epochs) // 2 :].to_numpy().ravel()
    groups = curve.accuracy[len(curve.accuracy) // 2 :]
    seen = newer[np.isfinite(newer)] if len(epochs) else groups[np.isfinite(groups)]
    low = 100 * float(seen.min()) if len(seen) else 0.0
    return next((top for top in TOPS if top <= low), 0)
