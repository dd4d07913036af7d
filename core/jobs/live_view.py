"""What a browser that watches a training shows, as plain data that can be sent every second.

`live_view` gives all of it: the diagnosis, the lines below the progress bar, and the two charts.
The browser only draws what is here (`pages/widgets/components/live_chart.js`): lines with their
looks, and the ends and ticks of both axes. What it draws once a second beside a training must cost
next to nothing. How long a queued training has to wait is the sum of what is before it.
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
from core.utils.text import countdown, duration, shortened

_TRAINING: Final = DIGIT_COLORS[0]
_VALIDATION: Final = DIGIT_COLORS[6]
_COMPARED_STYLES: Final = (
    (DIGIT_COLORS[8], [6, 4], "triangle"),
    (DIGIT_COLORS[3], [2, 3], "square"),
)
"""Color, dashes and symbol of the runs drawn underneath."""
MAX_POINTS: Final = 200
"""Of the line by batch groups: about as many as a chart in half a page can show."""
_MAX_NAME: Final = 24
_TOPS: Final = (99, 95, 90, 50)
"""Where the accuracy's axis may begin, in percent, when only its top is wanted."""
_TICKS: Final = 5
"""A y axis has about so many."""
_MAX_EPOCH_TICKS: Final = 8
_BATCHES: Final = "batches"
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
    """An earlier run, drawn underneath.

    Attributes:
        name: for the legend.
        epochs: its `LiveRun.epochs`.
    """

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
    """The loss over the epochs: by groups of batches, by epoch, and in validation.

    Args:
        curve: the training by groups of batches.
        epochs: `LiveRun.epochs`.
        total: epochs of the whole training, where the x axis ends.
        log: whether the y axis is logarithmic; a loss of 0 is not drawn then.
        compare: earlier runs, of which the first two are drawn.
        marks: where the learning rate was changed, drawn as upright lines.

    Returns:
        The chart, see `LiveChart`.
    """
    lines = _compared_lines(compare, "loss", total)
    lines += _training_lines(curve.x, curve.loss, epochs, "loss")
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

    Args:
        curve: the training by groups of batches.
        epochs: `LiveRun.epochs`.
        total: epochs of the whole training, where the x axis ends.
        zoom_top: whether the y axis begins at 99, 95, 90 or 50 %, the highest of these that leaves
            the newer half of the epochs in sight.
        compare: earlier runs, of which the first two are drawn.
        marks: where the learning rate was changed, drawn as upright lines.

    Returns:
        The chart, see `LiveChart`.
    """
    lines = _compared_lines(compare, "accuracy", total, 100)
    lines += _training_lines(curve.x, curve.accuracy, epochs, "accuracy", 100)
    axis = _axis(_lowest_accuracy_shown(curve, epochs) if zoom_top else 0, 100)
    return _chart("Accuracy, %", lines, axis, total, marks) | {"unit": " %", "decimals": 2}


def chart_caption(
    recipe: Recipe, curve: LiveCurve | None = None, steps: int = 1, *, smooth: bool = False
) -> str:
    """What each curve contains, and why validation can look better than training.

    Args:
        recipe: what is trained.
        curve: the thin line.
        steps: batches of an epoch.
        smooth: whether the thin line was smoothed.
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
            "test at the end tells how well the network reads digits that it has not learned from."
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


def _training_lines(
    x: ArrayLike, values: ArrayLike, epochs: pd.DataFrame, measure: str, factor: int = 1
) -> list[LiveChart]:
    ends, training = epochs["x"], epochs[measure]
    validation = epochs[f"val_{measure}"]
    lines = [
        _line(_BATCHES, _points(x, np.multiply(values, factor)), _TRAINING, width=1, opacity=0.6),
        _line("training", _points(ends, training * factor), _TRAINING, symbol="circle"),
    ]
    if validation.notna().any():
        points = _points(ends, validation * factor)
        lines.append(_line("validation", points, _VALIDATION, symbol="diamond", dashes=[5, 3]))
    return lines


def _compared_lines(
    compare: Sequence[ComparedRun], measure: str, total: int, factor: int = 1
) -> list[LiveChart]:
    lines: list[LiveChart] = []
    for run, (color, dashes, symbol) in zip(compare, _COMPARED_STYLES, strict=False):
        validated = run.epochs[f"val_{measure}"].notna().any()
        kind, column = ("validation", f"val_{measure}") if validated else ("training", measure)
        rows = run.epochs[run.epochs["x"] <= total]
        name = f"{shortened(run.name, _MAX_NAME)}, {kind}"
        if any(name == line["name"] for line in lines):  # the legend knows lines by their names
            name += " (2)"
        points = _points(rows["x"], rows[column] * factor)
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
        "color": color,
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
        "marks": _labeled(marks, total),
        "x": {"low": 0, "high": total, "ticks": _epoch_ticks(total)},
        "y": y_axis,
    }


def _labeled(marks: Sequence[CurveMark], total: int) -> list[LiveChart]:
    """Where the learning rate was changed; of marks that are close together, the last is named."""
    data: list[LiveChart] = []
    next_label = math.inf
    for mark in reversed(marks):
        room = next_label - mark.x > total / 3.5  # for the words
        next_label = mark.x if room else next_label
        data.insert(0, {"x": mark.x, "name": f"rate {mark.learning_rate:.3g}" if room else ""})
    return data


def _epoch_ticks(total: int) -> list[int]:
    step = next(
        k * 10**power
        for power in range(5)
        for k in (1, 2, 5)
        if total / (k * 10**power) <= _MAX_EPOCH_TICKS
    )
    return list(range(0, total + 1, step))


def _axis(low: float, high: float) -> LiveChart:
    """A linear axis that ends on a tick, with ticks at 1, 2 or 5 times a power of ten."""
    step = _nice((high - low) / _TICKS, up=True)
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
    candidates = [float(f"{k}e{power}") for power in powers for k in (1, 2, 5)]
    ticks = [tick for tick in candidates if low <= tick <= high]
    if len(ticks) > 2 * _TICKS:
        ticks = [tick for tick in ticks if f"{tick:e}".startswith("1.0")]
    return {"low": low, "high": max(high, 2 * low), "ticks": ticks, "log": True}


def _nice(value: float, *, up: bool) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = math.floor(math.log10(value))
    steps = [float(f"{k}e{power}") for k in (1, 2, 5, 10)]
    if up:
        return next(k for k in steps if k >= value * (1 - 1e-9))  # a fifth of 1e30 is above 2e29
    return next(k for k in steps[::-1] if k <= value)


def _lowest_accuracy_shown(curve: LiveCurve, epochs: pd.DataFrame) -> int:
    newer = epochs[["accuracy", "val_accuracy"]].iloc[len(epochs) // 2 :].to_numpy().ravel()
    groups = curve.accuracy[len(curve.accuracy) // 2 :]
    values = newer[np.isfinite(newer)] if len(epochs) else groups[np.isfinite(groups)]
    low = 100 * float(values.min()) if len(values) else 0.0
    return next((top for top in _TOPS if top <= low), 0)


def seconds_until_start(run: Run) -> float | None:
    """Seconds until a queued run is started, if nothing before it is stopped.

    A server that trains several at once shares what is before it among them.

    Args:
        run: in the queue.

    Returns:
        Seconds. None if unknown: a time before it is, or all trainings are paused.
    """
    active = running()
    if active and all(followed_run(other).paused for other in active):
        return None
    before = [_seconds_left(other) for other in active]
    for other in queue():
        if other.id == run.id:
            break
        before.append(queue_seconds(other))
    times = [seconds for seconds in before if seconds is not None]
    if len(times) < len(before):
        return None
    return sum(times) / limits().trainings


def queue_seconds(run: Run) -> float | None:
    """Seconds that the training of a queued run will take, without the epochs that are done.

    Args:
        run: in the queue.

    Returns:
        Seconds; None before this machine's speed was measured.
    """
    speed = load_speed()
    if speed is None:
        return None
    recipe, tuned = run.info.recipe, run.info.provenance.fine_tuned
    pseudo = run.info.provenance.pseudo_labeled
    digits = digit_counts(recipe)
    if pseudo:
        digits = replace(digits, fitted=digits.fitted + pseudo.unlabeled)
    if tuned:  # it sees a part of the dataset
        digits = replace(digits, fitted=tuned.rehearsed + tuned.own_per_epoch, validation=0)
    # It is trained by the process that has trained the one before, but for those on a cluster.
    estimate = estimate_time(recipe, speed, digits, launches=limits().engine == "ray")
    return estimate.total - min(run.info.epochs_done, estimate.epochs) * estimate.epoch


def _seconds_left(run: Run) -> float | None:
    seconds = followed_run(run).seconds_left
    return queue_seconds(run) if seconds is None else seconds  # it has only just begun


MAX_COMPARED: Final = 2
LiveView = dict[str, Any]
"""`alive`; the `verdict` (headline and advice, or an empty list); `progress` (0 to 1, or None
without a bar) with the lines `words` below it; `charts` (a list of `LiveChart`) with a `caption`;
and two stamps: `now` changes with what a page should redraw at once (an end, a pause), `soon` with
what can wait (an epoch)."""


@dataclass(frozen=True)
class ChartOptions:
    """How the curves are drawn.

    Attributes:
        log: whether the axis of the loss is logarithmic.
        zoom_top: whether the axis of the accuracy begins near the newest values.
        smooth: whether the thin lines are smoothed.
        compare: earlier runs, of which the first two are drawn.
    """

    log: bool = False
    zoom_top: bool = False
    smooth: bool = False
    compare: tuple[Run, ...] = ()


def live_view(run: Run, options: ChartOptions) -> LiveView:
    """All that a page shows of a training at this moment.

    Args:
        run: whose training it is.
        options: how its curves are drawn.

    Returns:
        Plain data for JSON, see `LiveView`.

    Raises:
        SettingError: a limit of this server is not valid.
    """
    state, live = submission.job_state(run), followed_run(run)
    progress_lines = _progress_lines(run, state, live)
    shown = has_curves(live, state)
    evaluated_epoch = live.last_evaluation and live.last_evaluation.epoch
    return {
        "alive": state.alive,
        "verdict": _verdict(run, state, live) if shown else [],
        "progress": live.fraction if progress_lines else None,
        "words": progress_lines,
        "charts": _charts(run, live, options) if shown else [],
        "caption": _caption(run, live, options) if shown else "",
        "now": _stamp(
            state.name, state.queue_position, live.paused, last_command(run.folder), shown
        ),
        "soon": _stamp(live.epochs_done, evaluated_epoch, *_queue_shown(run, state)),
    }


def has_curves(live: LiveRun, state: JobState) -> bool:
    """Whether there are curves to draw, so that a page offers options for them."""
    return live.started is not None and state.name != "queued"


def queue_sentence(run: Run, state: JobState) -> str:
    """Where a training stands in the queue, and when it begins: a sentence or two.

    Args:
        run: whose training it is.
        state: its state.

    Returns:
        The sentences; "" if it is not queued.
    """
    if state.name != "queued":
        return ""
    place = "next" if state.queue_position == 1 else f"number {state.queue_position}"
    words = f"This training waits: it is {place} in the queue."
    try:
        seconds = seconds_until_start(run)
    except DigitscopeError:
        seconds = None
    return f"{words} It begins in about {countdown(seconds)}." if seconds else words


def diagnose_run(run: Run, state: JobState, live: LiveRun) -> Diagnosis:
    """What the curves of a run say so far.

    Args:
        run: whose training it is.
        state: its state.
        live: its events, read up to now.
    """
    epochs = live.epochs
    curve = live.curve(MAX_POINTS)
    epochs_done = len(epochs)
    losses = [float(loss) for x, loss in zip(curve.x, curve.loss, strict=True) if x > epochs_done]
    return diagnose(
        epochs,
        recipe=run.info.recipe,
        running=state.alive,
        ended_by=run.info.ended_by,
        batch_losses=losses,
    )


def _verdict(run: Run, state: JobState, live: LiveRun) -> list[str]:
    if run.info.ended_by == "diverged":  # how it ended says it
        return []
    diagnosis = diagnose_run(run, state, live)
    return [diagnosis.headline, diagnosis.advice]


def _progress_lines(run: Run, state: JobState, live: LiveRun) -> list[str]:
    """The lines below the progress bar of a training that has a process; else none."""
    if state.name not in {"starting", "running", "stopping"}:
        return []
    card = read_card(run.folder)
    if not live.started or live.started.time < card.started_at:
        return [_preparation_text(live)]
    epoch = f"epoch {max(live.epoch, 1)} of {live.started.epochs}"
    if live.paused:
        epoch = f"Paused in {epoch}"
    elif state.name == "stopping":
        epoch = f"Stopping in {epoch}"
    else:
        epoch = epoch.capitalize()
    lines = [f"{epoch}, step {live.step} of {live.steps}", " · ".join(_throughput_text(live))]
    if live.paused:
        limit = duration(card.max_pause_seconds)
        lines.append(f"After {limit} of pause it ends by itself, and keeps what was learned.")
    return lines


def _preparation_text(live: LiveRun) -> str:
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
    return parts or ["The first batches are being read"]


def _charts(run: Run, live: LiveRun, options: ChartOptions) -> list[LiveView]:
    curve = live.curve(MAX_POINTS)
    if options.smooth:
        curve = curve.smoothed()
    shared: dict[str, Any] = {
        "total": run.info.recipe.epochs,
        "compare": _compared_runs(options.compare),
        "marks": live.marks,
    }
    epochs = live.epochs
    return [
        loss_chart(curve, epochs, log=options.log, **shared),
        accuracy_chart(curve, epochs, zoom_top=options.zoom_top, **shared),
    ]


def _caption(run: Run, live: LiveRun, options: ChartOptions) -> str:
    curve = live.curve(MAX_POINTS)
    return chart_caption(run.info.recipe, curve, live.steps, smooth=options.smooth)


def _compared_runs(runs: tuple[Run, ...]) -> list[ComparedRun]:
    return [ComparedRun(shown_name(run), followed_run(run).epochs) for run in runs[:MAX_COMPARED]]


def _queue_shown(run: Run, state: JobState) -> list[object]:
    """The queue as a page shows it, for a training that may still change."""
    return [[other.id for other in queue()], queue_sentence(run, state)] if state.alive else []


def _stamp(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
