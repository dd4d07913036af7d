"""What a training reports while it goes on.

An event is a frozen dataclass; `as_line` is its one JSON form, a line of a run's `events.jsonl`.
There a figure that is not finite, as in a training that diverges, is null.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Started:
    """The network is built and the first batch is about to come. `time`: Unix seconds."""

    time: float
    epochs: int
    steps: int
    n_train: int
    n_validation: int
    parameters: int


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


@dataclass(frozen=True)
class Ended:
    """The training is over. `status` is finished, stopped or failed."""

    time: float
    status: str
    seconds: float
    message: str = ""


Event = Started | Progress | EpochEnded | Ended
OnEvent = Callable[[Event], None]


def as_line(event: Event) -> dict[str, Any]:
    """The event as a JSON object, with its kind."""
    return {"event": type(event).__name__, **asdict(event)}
