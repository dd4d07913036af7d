"""Events of a made-up training, and a Live that follows them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from core.jobs.live_run import LiveRun
from core.runs.messages import EpochEnded, EpochEvaluated, Event, Progress, Started, event_to_line
from core.utils.files import to_json

STARTED = Started(time=1000.0, epochs=3, steps=10, n_train=320, n_validation=32, parameters=7850)


def progress(epoch: int, step: int, **changes: Any) -> Progress:
    """A group that ended at that step; 64 images a second are two batches a second."""
    made = Progress(1000.0, epoch, step, 1.0, 0.5, 0.001, 64.0)
    return replace(made, **changes)


def epoch_ended(epoch: int, **changes: Any) -> EpochEnded:
    return replace(EpochEnded(1000.0, epoch, 0.4, 0.9, 0.3, 0.95, 0.001, 5.0, 10), **changes)


def epoch_evaluated(epoch: int) -> EpochEvaluated:
    return EpochEvaluated(1000.0, epoch, (3, 5), (8, 1), (0.5, 0.9), 1000, 20, ((4, 9, 3),))


def lines(*events: Event) -> str:
    return "".join(to_json(event_to_line(event)) + "\n" for event in events)


def append(folder: Path, text: str) -> None:
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write(text)


def live_after(folder: Path, *events: Event) -> LiveRun:
    append(folder, lines(*events))
    live = LiveRun(folder)
    live.update()
    return live
