"""The curves of a training as plain data, small enough to be sent every second.

The browser only draws what is here (`pages/widgets/components/live_chart.js`): lines, their looks,
the ends and the ticks of both axes. What it draws once a second beside a training must cost next to
nothing.

What a browser that watches a training shows: little enough to be asked for every second.

How long a training that waits has to wait: a sum of what is before it.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from core.figures.style import DIGIT_COLORS
from core.jobs import submission
from core.jobs.diagnosis import Diagnosis, diagnose
from core.jobs.live_run import CurveMark, LiveCurve, LiveRun, followed_run
from core.jobs.scheduler import queue, running
from core.jobs.submission import JobState
from core.jobs.time_estimate import digit_counts, estimate_time, load_speed
from core.recipes.recipe import Recipe
from core.runs.messages import last_command
from core.runs.permissions import limits, read_card, shown_name
from core.runs.run import Run
from core.utils.errors import DigitscopeError
from core.utils.text import countdown, duration

TRAINING: Final = DIGIT_COLORS[0]
VALIDATION: Final = DIGIT_COLORS[6]
EARLIER_RUN: Final = ((DIGIT_COLORS[8], [6, 4], "triangle"), (DIGIT_COLORS[3], [2, 3], "square"))
"""Color, dashes and symbol of the runs underneath."""
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
LiveChart = dict[str, Any]
"""`title`, `unit` and `decimals` of the values, `lines`, `marks`, and the axes `x` and `y`.

An axis has `low`, `high` and `ticks`; `y` also has `log`. A line has `name`, `color`, `width`,
`opacity`, `dashes` (px, may be empty), `symbol` ("" for none) and `points`, pairs of x and y, where
y is None in a gap; later lines lie above earlier ones. A mark has `x` and `name`, which is empty
where there is no room for it.
"""


@dataclass(frozen=True)
class ComparedRun:
    """An earlier run to be laid underneath: its name and its `Live.epochs`."""

    name: str
    epochs: pd.DataFrame


def loss_chart(
    curve: LiveCurve,
    epochs: pd.DataFrame,
    *,
    total: int,
    log: bool = False,
    compare: Sequence[ComparedRun] = (),
    marks: Sequence[CurveMark] = (),
) -> LiveChart:
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
    curve: LiveCurve,
    epochs: pd.DataFrame,
    *,
    total: int,
    zoom_top: bool = False,
    compare: Sequence[ComparedRun] = (),
    marks: Sequence[CurveMark] = (),
) -> LiveChart:
    """The accuracy in percent, drawn like the loss.

    With `zoom_top` the y axis begins at 99, 95, 90 or 50 %: the highest that leaves the newer half
    of the epochs in sight.
    """
    lines = _earlier(compare, "accuracy", total, 100)
    lines += _own(curve.x, curve.accuracy, epochs, "accuracy", 100)
    axis = _axis(_top(curve, epochs) if zoom_top else 0, 100)
    return _chart("Accuracy, %", lines, axis, total, marks) | {"unit": " %", "decimals": 2}


def chart_caption(
    recipe: Recipe, curve: LiveCurve | None = None, steps: int = 1, *, smooth: bool = False
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


def _grouped(curve: LiveCurve | None, steps: int) -> str:
    """How many batches a point stands for, to two digits; where points were merged, all of them."""
    if curve is None or len(curve.x) < 2:
        return "averaged over groups of batches"
    batches = int(float(f"{np.median(np.diff(curve.x)) * steps:.2g}"))
    return f"averaged over groups of about {batches} batches" if batches > 1 else "batch by batch"


def _listed(parts: Sequence[str]) -> str:
    return f", {' and '.join(parts)}" if parts else ""


def _own(
    x: ArrayLike, values: ArrayLike, epochs: pd.DataFrame, measure: str, factor: int = 1
) -> list[LiveChart]:
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


def _earlier(
    compare: Sequence[ComparedRun], measure: str, total: int, factor: int = 1
) -> list[LiveChart]:
    lines: list[LiveChart] = []
    for run, (color, dashes, symbol) in zip(compare, EARLIER_RUN, strict=False):
        validated = run.epochs[f"val_{measure}"].notna().any()
        kind, column = ("validation", f"val_{measure}") if validated else ("training", measure)
        seen = run.epochs[run.epochs["x"] <= total]
        shown = run.name if len(run.name) <= MAX_NAME else f"{run.name[: MAX_NAME - 1]}…"
        name = f"{shown}, {kind}"
        if any(name == line["name"] for line in lines):  # the legend knows lines by their names
            name += " (2)"
        points = _points(seen["x"], seen[column] * factor)
        lines.append(_line(name, points, color, symbol=symbol, dashes=dashes))
    return lines


def _line(
    name: str,
    points: list[list[float | None]],
    color: str,
    *,
    symbol: str = "",
    width: float = 2,
    opacity: float = 1,
    dashes: Sequence[int] = (),
) -> LiveChart:
    return {
        "name": name,
        "points": points,
        "colour": color,
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
    title: str, lines: list[LiveChart], y_axis: LiveChart, total: int, marks: Sequence[CurveMark]
) -> LiveChart:
    return {
        "title": title,
        "lines": lines,
        "marks": _named(marks, total),
        "x": {"low": 0, "high": total, "ticks": _epoch_ticks(total)},
        "y": y_axis,
    }


def _named(marks: Sequence[CurveMark], total: int) -> list[LiveChart]:
    """Where the learning rate was changed; of marks that are close together, the last is named."""
    data: list[LiveChart] = []
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


def _axis(low: float, high: float) -> LiveChart:
    """A linear axis that ends on a tick, with ticks at 1, 2 or 5 times a power of ten."""
    step = _nice((high - low) / TICKS, up=True)
    count = math.ceil(round((high - low) / step, 6))
    ticks = [float(f"{low + k * step:.6g}") for k in range(count + 1)]
    return {"low": low, "high": ticks[-1], "ticks": ticks, "log": False}


def _log_axis(values: Sequence[float]) -> LiveChart:
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


def _top(curve: LiveCurve, epochs: pd.DataFrame) -> int:
    newer = epochs[["accuracy", "val_accuracy"]].iloc[len(epochs) // 2 :].to_numpy().ravel()
    groups = curve.accuracy[len(curve.accuracy) // 2 :]
    seen = newer[np.isfinite(newer)] if len(epochs) else groups[np.isfinite(groups)]
    low = 100 * float(seen.min()) if len(seen) else 0.0
    return next((top for top in TOPS if top <= low), 0)


def seconds_until_start(run: Run) -> float | None:
    """Seconds until a run of the queue is started, if nothing is stopped; None if unknown.

    With several trainings at once, what is before it is shared among them. While all of them are
    paused, nobody knows.
    """
    now = running()
    if now and all(followed_run(other).paused for other in now):
        return None
    before = [_seconds_left(other) for other in now]
    for other in queue():
        if other.id == run.id:
            break
        before.append(queue_seconds(other))
    known = [seconds for seconds in before if seconds is not None]
    if len(known) < len(before):
        return None
    return sum(known) / limits().trainings


def queue_seconds(run: Run) -> float | None:
    """Seconds that a run which waits will take here; None before this machine was measured.

    Of one that goes on, only the epochs that are left count.
    """
    speed = load_speed()
    if speed is None:
        return None
    recipe, tuned = run.info.recipe, run.info.provenance.fine_tuned
    digits = digit_counts(recipe)
    if tuned:  # it sees a part of the dataset
        digits = replace(digits, fitted=tuned.rehearsed + tuned.own_per_epoch, validation=0)
    it = estimate_time(recipe, speed, digits)
    return it.total - min(run.info.epochs_done, it.epochs) * it.epoch


def _seconds_left(run: Run) -> float | None:
    seconds = followed_run(run).seconds_left
    return queue_seconds(run) if seconds is None else seconds  # it has only just begun


MAX_COMPARED: Final = 2
LiveView = dict[str, Any]
"""`alive`; a `verdict` in two parts, or none; `progress` (0 to 1, or None without a bar) with
`words` below it; `charts` (see `core.jobs.live_view`) with a `caption`; and two stamps: `now`
changes with what a page should redraw at once (an end, a pause), `soon` with what can wait (an
epoch)."""


@dataclass(frozen=True)
class DrawnState:
    """How the curves are to be drawn; `compare` are other runs, of which two are drawn."""

    log: bool = False
    zoom_top: bool = False
    smooth: bool = False
    compare: tuple[Run, ...] = ()


def live_view(run: Run, drawn: DrawnState) -> LiveView:
    """All that is to be shown of a training at this moment; plain data for JSON."""
    state, live = submission.job_state(run), followed_run(run)
    bar = _bar(run, state, live)
    shown = has_curves(live, state)
    evaluation = live.last_evaluation
    return {
        "alive": state.alive,
        "verdict": _verdict(run, state, live) if shown else [],
        "progress": live.fraction if bar else None,
        "words": bar,
        "charts": _charts(run, live, drawn) if shown else [],
        "caption": _caption(run, live, drawn) if shown else "",
        "now": _stamp(state.name, state.place, live.paused, last_command(run.folder), shown),
        "soon": _stamp(live.epochs_done, evaluation and evaluation.epoch, *_waiting(run, state)),
    }


def has_curves(live: LiveRun, state: JobState) -> bool:
    """Whether there is anything to draw, which a visitor may want drawn in another way."""
    return live.started is not None and state.name != "queued"


def is_waiting(run: Run, state: JobState) -> str:
    """Where a training stands in the queue, and when it begins; "" if it does not wait."""
    if state.name != "queued":
        return ""
    place = "next" if state.place == 1 else f"number {state.place}"
    words = f"This training waits: it is {place} in the queue."
    try:
        seconds = seconds_until_start(run)
    except DigitscopeError:
        seconds = None
    return f"{words} It begins in about {countdown(seconds)}." if seconds else words


def compared_runs(run: Run, state: JobState, live: LiveRun) -> Diagnosis:
    """What is to be said of the curves so far."""
    epochs = live.epochs
    curve = live.curve(MAX_POINTS)
    since = len(epochs)
    fresh = [float(loss) for x, loss in zip(curve.x, curve.loss, strict=True) if x > since]
    return diagnose(
        epochs,
        recipe=run.info.recipe,
        running=state.alive,
        ended_by=run.info.ended_by,
        batch_losses=fresh,
    )


def _verdict(run: Run, state: JobState, live: LiveRun) -> list[str]:
    if run.info.ended_by == "diverged":  # how it ended says it
        return []
    said = compared_runs(run, state, live)
    return [said.headline, said.advice]


def _bar(run: Run, state: JobState, live: LiveRun) -> list[str]:
    """The lines below the progress bar of a training that a process works at; else none."""
    if state.name not in {"starting", "running", "stopping"}:
        return []
    card = read_card(run.folder)
    if not live.started or live.started.time < card.started_at:
        return [_before(live)]
    epoch = f"epoch {max(live.epoch, 1)} of {live.started.epochs}"
    if live.paused:
        epoch = f"Paused in {epoch}"
    elif state.name == "stopping":
        epoch = f"Stopping in {epoch}"
    else:
        epoch = epoch.capitalize()
    words = [f"{epoch}, step {live.step} of {live.steps}", " · ".join(_throughput_text(live))]
    if live.paused:
        limit = duration(card.max_pause_seconds)
        words.append(f"After {limit} of pause it ends by itself, and keeps what was learnt.")
    return words


def _before(live: LiveRun) -> str:
    if live.downloading:
        done, total = live.downloading.done, live.downloading.total
        part = f"{100 * done / total:.0f} %" if total else f"{done / 1e6:.1f} MB"
        return f"Downloading MNIST: {part}"
    return "Starting: TensorFlow takes a few seconds"


def _throughput_text(live: LiveRun) -> list[str]:
    parts = []
    if live.images_per_second:
        parts.append(f"{live.images_per_second:,.0f} images per second")
    if live.seconds_left is not None and not live.paused:
        parts.append(f"{countdown(live.seconds_left)} left")
    if live.learning_rate is not None:
        parts.append(f"learning rate {live.learning_rate:.3g}")
    return parts or ["The first batches are on their way"]


def _charts(run: Run, live: LiveRun, drawn: DrawnState) -> list[LiveView]:
    curve = live.curve(MAX_POINTS)
    if drawn.smooth:
        curve = curve.smoothed()
    how: dict[str, Any] = {
        "total": run.info.epochs_planned,
        "compare": _compared(drawn.compare),
        "marks": live.marks,
    }
    epochs = live.epochs
    return [
        loss_chart(curve, epochs, log=drawn.log, **how),
        accuracy_chart(curve, epochs, zoom_top=drawn.zoom_top, **how),
    ]


def _caption(run: Run, live: LiveRun, drawn: DrawnState) -> str:
    curve = live.curve(MAX_POINTS)
    return chart_caption(run.info.recipe, curve, live.steps, smooth=drawn.smooth)


def _compared(others: tuple[Run, ...]) -> list[ComparedRun]:
    return [ComparedRun(shown_name(run), followed_run(run).epochs) for run in others[:MAX_COMPARED]]


def _waiting(run: Run, state: JobState) -> list[object]:
    """The queue, for a training that may still change."""
    return [[other.id for other in queue()], is_waiting(run, state)] if state.alive else []


def _stamp(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
