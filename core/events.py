"""What a training reports while it goes on.

An event is a frozen dataclass; `as_line` is its one JSON form, a line of a run's `events.jsonl`.
There a figure that is not finite, as in a training that diverges, is null.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, get_args


@dataclass(frozen=True)
class Started:
    """The network is built and the next batch is about to come. `time`: Unix seconds.

    `steps` are those of one epoch. `first_step` counts the batches that were done before, in all
    epochs: more than 0 if a stopped or interrupted training goes on. What was told of later
    batches before this event is void: they come again.
    """

    time: float
    epochs: int
    steps: int
    n_train: int
    n_validation: int
    parameters: int
    first_step: int = 0


@dataclass(frozen=True)
class Progress:
    """A group of batches is done. `loss` and `accuracy` are this group's own, not running means."""

    time: float
    epoch: int
    step: int
    loss: float
    accuracy: float
    learning_rate: float
    images_per_second: float


@dataclass(frozen=True)
class EpochEnded:
    """An epoch is done, counted from 1.

    `loss` and `accuracy` are averaged over the epoch while the network changed, with dropout and
    augmentation on; `val_loss` and `val_accuracy` are measured after it, and None without
    validation digits.
    """

    time: float
    epoch: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float
    steps: int = 0


@dataclass(frozen=True)
class Looked:
    """What the network answers after an epoch, on the sample's test digits: never trained on.

    `digits` are the indices of a fixed set of hard ones, `answers` and `confidences` (0 to 1) what
    it says of them. `confusions` are the most frequent mistakes: (true digit, answer, how often).
    """

    time: float
    epoch: int
    digits: tuple[int, ...]
    answers: tuple[int, ...]
    confidences: tuple[float, ...]
    n: int
    wrong: int
    confusions: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Paused:
    """The training waits after step `step` of epoch `epoch` (0 before the epoch's first)."""

    time: float
    epoch: int
    step: int


@dataclass(frozen=True)
class Resumed:
    """The training goes on after a pause."""

    time: float
    epoch: int
    step: int


@dataclass(frozen=True)
class RateChanged:
    """From the next batch on the optimizer's learning rate (a schedule's peak) is another one."""

    time: float
    epoch: int
    step: int
    learning_rate: float


@dataclass(frozen=True)
class Downloading:
    """The full MNIST is being fetched, before the training: bytes so far, in all (0: unknown)."""

    time: float
    done: int
    total: int


@dataclass(frozen=True)
class Ended:
    """The training is over. `status` is finished, stopped or failed; `ended_by` says why."""

    time: float
    status: str
    seconds: float
    message: str = ""
    ended_by: str = ""


Event = (
    Started | Progress | EpochEnded | Looked | Paused | Resumed | RateChanged | Downloading | Ended
)
OnEvent = Callable[[Event], None]


def as_line(event: Event) -> dict[str, Any]:
    """The event as a JSON object, with its kind."""
    return {"event": type(event).__name__, **asdict(event)}


_KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}


def from_line(line: dict[str, Any]) -> Event | None:
    """The event of such an object, or None for one of a kind or with fields that are not known.

    A figure that was not finite comes back as NaN.
    """
    fields: dict[str, Any] = {
        key: math.nan if value is None else value for key, value in line.items()
    }
    kind = _KINDS.get(fields.pop("event", ""))
    try:
        return kind(**fields) if kind else None
    except TypeError:
        return None
