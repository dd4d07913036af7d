"""What a browser that watches a training shows: little enough to be asked for every second."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from core import jobs
from core.dispatch import queue
from core.errors import DigitscopeError
from core.job_card import read_card, shown_name
from core.jobs import State
from core.live import Live, followed
from core.live_figures import MAX_POINTS, Compared, accuracy_chart, caption, loss_chart
from core.orders import last
from core.runs import Run
from core.text import countdown, duration
from core.verdict_words import Verdict
from core.verdicts import verdict
from core.waiting import seconds_until

MOST_COMPARED: Final = 2

Seen = dict[str, Any]
"""`alive`; a `verdict` in two parts, or none; `progress` (0 to 1, or None without a bar) with
`words` below it; `charts` (see `core.live_figures`) with a `caption`; and two stamps: `now` changes
with what a page should redraw at once (an end, a pause), `soon` with what can wait (an epoch)."""


@dataclass(frozen=True)
class Drawn:
    """How the curves are to be drawn; `compare` are other runs, of which two are drawn."""

    log: bool = False
    zoom_top: bool = False
    smooth: bool = False
    compare: tuple[Run, ...] = ()


def seen(run: Run, drawn: Drawn) -> Seen:
    """All that is to be shown of a training at this moment; plain data for JSON."""
    state, live = jobs.state(run), followed(run)
    bar = _bar(run, state, live)
    shown = has_curves(live, state)
    return {
        "alive": state.alive,
        "verdict": _verdict(run, state, live) if shown else [],
        "progress": live.fraction if bar else None,
        "words": bar,
        "charts": _charts(run, live, drawn) if shown else [],
        "caption": _caption(run, live, drawn) if shown else "",
        "now": _stamp(state.name, state.place, live.paused, last(run.folder), shown),
        "soon": _stamp(live.epochs_done, live.looked and live.looked.epoch, *_waiting(run, state)),
    }


def has_curves(live: Live, state: State) -> bool:
    """Whether there is anything to draw, which a visitor may want drawn in another way."""
    return live.started is not None and state.name != "queued"


def waits(run: Run, state: State) -> str:
    """Where a training stands in the queue, and when it begins; "" if it does not wait."""
    if state.name != "queued":
        return ""
    place = "next" if state.place == 1 else f"number {state.place}"
    words = f"This training waits: it is {place} in the queue."
    try:
        seconds = seconds_until(run)
    except DigitscopeError:
        seconds = None
    return f"{words} It begins in about {countdown(seconds)}." if seconds else words


def found(run: Run, state: State, live: Live) -> Verdict:
    """What is to be said of the curves so far."""
    epochs = live.epochs
    curve = live.curve(MAX_POINTS)
    since = len(epochs)
    fresh = [float(loss) for x, loss in zip(curve.x, curve.loss, strict=True) if x > since]
    return verdict(
        epochs,
        recipe=run.info.recipe,
        running=state.alive,
        ended_by=run.info.ended_by,
        batch_losses=fresh,
    )


def _verdict(run: Run, state: State, live: Live) -> list[str]:
    if run.info.ended_by == "diverged":  # how it ended says it
        return []
    said = found(run, state, live)
    return [said.headline, said.advice]


def _bar(run: Run, state: State, live: Live) -> list[str]:
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
    words = [f"{epoch}, step {live.step} of {live.steps}", " · ".join(_pace(live))]
    if live.paused:
        limit = duration(card.max_pause_seconds)
        words.append(f"After {limit} of pause it ends by itself, and keeps what was learnt.")
    return words


def _before(live: Live) -> str:
    if live.downloading:
        done, total = live.downloading.done, live.downloading.total
        part = f"{100 * done / total:.0f} %" if total else f"{done / 1e6:.1f} MB"
        return f"Downloading MNIST: {part}"
    return "Starting: TensorFlow takes a few seconds"


def _pace(live: Live) -> list[str]:
    parts = []
    if live.images_per_second:
        parts.append(f"{live.images_per_second:,.0f} images per second")
    if live.seconds_left is not None and not live.paused:
        parts.append(f"{countdown(live.seconds_left)} left")
    if live.learning_rate is not None:
        parts.append(f"learning rate {live.learning_rate:.3g}")
    return parts or ["The first batches are on their way"]


def _charts(run: Run, live: Live, drawn: Drawn) -> list[Seen]:
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


def _caption(run: Run, live: Live, drawn: Drawn) -> str:
    curve = live.curve(MAX_POINTS)
    return caption(run.info.recipe, curve, live.steps, smooth=drawn.smooth)


def _compared(others: tuple[Run, ...]) -> list[Compared]:
    return [Compared(shown_name(run), followed(run).epochs) for run in others[:MOST_COMPARED]]


def _waiting(run: Run, state: State) -> list[object]:
    """The queue, for a training that may still change."""
    return [[other.id for other in queue()], waits(run, state)] if state.alive else []


def _stamp(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
