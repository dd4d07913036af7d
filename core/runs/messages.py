"""What a training reports while it goes on.

An event is a frozen dataclass; `as_line` is its one JSON form, a line of a run's `events.jsonl`.
There a figure that is not finite, as in a training that diverges, is null.

What a running training is told: lines that the server appends and the training reads.

They go through the run folder (`orders.jsonl`), so whoever sees the folder can give them, and they
outlive both sides: a training that is started again reads those that came meanwhile.
"""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from core.utils.files import to_json


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


def event_to_line(event: Event) -> dict[str, Any]:
    """The event as a JSON object, with its kind."""
    return {"event": type(event).__name__, **asdict(event)}


_KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}


def event_from_line(line: dict[str, Any]) -> Event | None:
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


COMMANDS_FILE = "orders.jsonl"
Command = Literal["pause", "resume", "step", "epoch", "stop", "go-on", "rate"]


def send_command(folder: Path, order: Command, rate: float | None = None) -> None:
    """Append an order. `rate`, with the order "rate": the optimizer's new learning rate.

    Raises OSError if the folder is gone or the disk is full.
    """
    line = {"order": order} if rate is None else {"order": order, "rate": rate}
    # One short write in append mode: lines of two servers do not mix.
    with (folder / COMMANDS_FILE).open("ab", buffering=0) as file:
        file.write(to_json(line).encode() + b"\n")


def last_command(folder: Path) -> Command | None:
    """The order that was given last, obeyed yet or not; None if there was none."""
    try:
        lines = (folder / COMMANDS_FILE).read_bytes().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        with suppress(ValueError, TypeError, KeyError):
            order: Command = json.loads(line)["order"]
            if order != "rate":
                return order
    return None


class CommandReader:
    """The orders of a run folder, read as they come, and what is in force because of them."""

    def __init__(
        self, folder: Path, *, position: int = 0, paused: bool = False, until: str = ""
    ) -> None:
        """`position`: bytes of the file that were read, and obeyed, by an earlier process.

        `paused`, `until`: what was in force then; it pauses after the "step" or "epoch" at hand.
        """
        self.folder = folder
        self.position = position
        self.paused = paused
        self.stop = False
        self.rate: float | None = None
        self.until = until

    def read(self) -> None:
        """Take note of the orders that have come since the last call. Takes microseconds."""
        path = self.folder / COMMANDS_FILE
        try:
            if path.stat().st_size <= self.position:
                return
            with path.open("rb") as file:
                file.seek(self.position)
                fresh = file.read()
        except OSError:
            # Without its folder, a run has nowhere to go: somebody deleted it.
            self.stop = self.stop or not self.folder.exists()
            return
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self.position += len(whole)
        for line in whole.splitlines():
            self._obey(line)

    def step_done(self) -> None:
        """A batch is done: pause again if only one was asked for."""
        if self.until == "step":
            self.until, self.paused = "", True

    def epoch_done(self) -> None:
        """An epoch is done: pause again if the rest of it, or one step, was asked for."""
        if self.until:
            self.until, self.paused = "", True

    def _obey(self, line: bytes) -> None:
        try:
            fields = json.loads(line)
            order, rate = fields["order"], fields.get("rate")
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        if order == "rate":
            self.rate = float(rate) if isinstance(rate, int | float) else self.rate
        elif order in {"step", "epoch"}:
            self.until, self.paused = order, False
        elif order in get_args(Command):
            self.until, self.paused = "", order == "pause"
            # After a stop, only a training that is asked for anew goes on.
            self.stop = order == "stop" or (self.stop and order != "go-on")
