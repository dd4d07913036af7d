"""Messages between a training and the server: events one way, commands the other.

Both go through the run folder, a JSON object a line, appended only. So the two sides need not know
each other, and what one wrote outlives the other.

- **Events** (`events.jsonl`): what a training reports while it goes on. Each is a frozen dataclass.
  A figure that is not finite, as in a training that diverges, is null in the file.
- **Commands** (`orders.jsonl`): what a running training has to do. Whoever can write to the folder
  can send one; a training that is started again reads those that came meanwhile.
"""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from core.utils.files import FileTail, to_json


@dataclass(frozen=True)
class Started:
    """The network is built and its next batch is about to come.

    A training that was stopped or interrupted starts again at its last checkpoint. Events of
    batches after `first_step` that stand before this one are void: these batches come again.

    Attributes:
        time: Unix seconds.
        epochs: of the whole training.
        steps: batches of one epoch.
        n_train: digits that an epoch trains on.
        n_validation: digits that are validated on after each epoch.
        parameters: of the network.
        first_step: batches that were done before, counted over all epochs.
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
    """A group of batches is done.

    Attributes:
        time: Unix seconds.
        epoch: the epoch, counted from 1.
        step: batches of this epoch that are done.
        loss: mean over the group, not a running mean of the epoch.
        accuracy: mean over the group, 0 to 1.
        learning_rate: of the group's last batch.
        images_per_second: over the group.
    """

    time: float
    epoch: int
    step: int
    loss: float
    accuracy: float
    learning_rate: float
    images_per_second: float


@dataclass(frozen=True)
class EpochEnded:
    """An epoch is done.

    Attributes:
        time: Unix seconds.
        epoch: the epoch, counted from 1.
        loss: mean over the epoch while the network changed, with dropout and augmentation on.
        accuracy: measured like the loss, 0 to 1.
        val_loss: measured after the epoch; None without validation digits.
        val_accuracy: measured after the epoch, 0 to 1; None without validation digits.
        learning_rate: of the epoch's last batch.
        seconds: that the epoch took, pauses not counted.
        steps: batches that were done; fewer than planned if the training was stopped.
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
class EpochEvaluated:
    """The network after an epoch was tested on the sample's test digits, which it never trains on.

    Attributes:
        time: Unix seconds.
        epoch: after which epoch, counted from 1.
        digits: indices of a fixed set of hard test digits.
        answers: the digit that the network reads in each of them, 0 to 9.
        confidences: the probability of each of these answers, 0 to 1.
        n: how many test digits there are.
        wrong: how many of them it misreads.
        confusions: the most frequent mistakes: (true digit, answer, count).
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
    """The training waits after step `step` of epoch `epoch` (0: before the epoch's first)."""

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
    """From the next batch on, the optimizer has this learning rate (the peak of a schedule)."""

    time: float
    epoch: int
    step: int
    learning_rate: float


@dataclass(frozen=True)
class Downloading:
    """The full MNIST is being downloaded before the training.

    Attributes:
        time: Unix seconds.
        done: bytes so far.
        total: bytes in all; 0 if unknown.
    """

    time: float
    done: int
    total: int


@dataclass(frozen=True)
class Ended:
    """The training is over.

    Attributes:
        time: Unix seconds.
        status: "finished", "stopped" or "failed".
        seconds: of training.
        message: a sentence for visitors if it failed.
        ended_by: why it ended, as in `RunInfo.ended_by`.
    """

    time: float
    status: str
    seconds: float
    message: str = ""
    ended_by: str = ""


Event = (
    Started
    | Progress
    | EpochEnded
    | EpochEvaluated
    | Paused
    | Resumed
    | RateChanged
    | Downloading
    | Ended
)
OnEvent = Callable[[Event], None]
_WORD_OF_EVENT: Final[dict[type[Event], str]] = {
    Started: "Started",
    Progress: "Progress",
    EpochEnded: "EpochEnded",
    EpochEvaluated: "Looked",
    Paused: "Paused",
    Resumed: "Resumed",
    RateChanged: "RateChanged",
    Downloading: "Downloading",
    Ended: "Ended",
}
"""The word of each kind in `events.jsonl`. Runs on disk hold these words: they never change."""
_EVENT_OF_WORD: Final = {word: kind for kind, word in _WORD_OF_EVENT.items()}


def event_to_line(event: Event) -> dict[str, Any]:
    """The event as a JSON object, with the word of its kind.

    Example:
        >>> event_to_line(Paused(time=1000.0, epoch=2, step=5))
        {'event': 'Paused', 'time': 1000.0, 'epoch': 2, 'step': 5}
    """
    return {"event": _WORD_OF_EVENT[type(event)], **asdict(event)}


def event_from_line(line: dict[str, Any]) -> Event | None:
    """Read an event from a JSON object; the inverse of `event_to_line`.

    Args:
        line: the object, with the word of its kind under "event".

    Returns:
        The event; a figure that was not finite is NaN. None for an unknown kind, and for fields
        that do not belong to the kind.

    Example:
        >>> event_from_line({"event": "Paused", "time": 1000.0, "epoch": 2, "step": 5})
        Paused(time=1000.0, epoch=2, step=5)
        >>> event_from_line({"event": "Unheard"}) is None
        True
    """
    fields: dict[str, Any] = {
        key: math.nan if value is None else value for key, value in line.items()
    }
    kind = _EVENT_OF_WORD.get(fields.pop("event", ""))
    try:
        return kind(**fields) if kind else None
    except TypeError:
        return None


EVENTS_FILE: Final = "events.jsonl"
COMMANDS_FILE: Final = "orders.jsonl"
Command = Literal["pause", "resume", "step", "epoch", "stop", "go-on", "rate"]
"""The words in `orders.jsonl`. "step" and "epoch": go on that far, then pause; "go-on": a training
that was stopped is started again, so a "stop" before it no longer counts."""


def send_command(folder: Path, command: Command, rate: float | None = None) -> None:
    """Append a command to those of a run.

    Args:
        folder: the run's folder.
        command: what the training has to do.
        rate: with the command "rate", the optimizer's new learning rate.

    Raises:
        OSError: the folder is gone or the disk is full.
    """
    line = {"order": command} if rate is None else {"order": command, "rate": rate}
    # One short write in append mode: lines of two servers do not mix.
    with (folder / COMMANDS_FILE).open("ab", buffering=0) as file:
        file.write(to_json(line).encode() + b"\n")


def last_command(folder: Path) -> Command | None:
    """The last command other than "rate", carried out yet or not; None if there was none."""
    try:
        lines = (folder / COMMANDS_FILE).read_bytes().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        with suppress(ValueError, TypeError, KeyError):
            command: Command = json.loads(line)["order"]
            if command != "rate":
                return command
    return None


def read_events(folder: Path) -> Iterator[Event]:
    """Read all events of a run's folder, in the order in which they were written.

    Lines that are no event are skipped. `Started` says which events before it are void.
    """
    for line in FileTail(folder / EVENTS_FILE).read().lines:
        try:
            event = event_from_line(json.loads(line))
        except (ValueError, AttributeError):
            continue
        if event is not None:
            yield event


class CommandReader:
    """Reads the commands of a run folder as they come, and keeps what is in force.

    Attributes:
        folder: the run's folder.
        position: bytes of the file that were read.
        paused: whether the training has to wait.
        stop: whether it has to end.
        rate: the learning rate that was asked for last; None if none was.
        until: "step" or "epoch" if it goes on that far and then pauses; else "".
    """

    def __init__(
        self, folder: Path, *, position: int = 0, paused: bool = False, until: str = ""
    ) -> None:
        """Go on where an earlier process left off, if there was one.

        Args:
            folder: the run's folder.
            position: bytes of the file that were read, and carried out.
            paused: as it was then.
            until: as it was then.
        """
        self.folder = folder
        self.position = position
        self.paused = paused
        self.stop = False
        self.rate: float | None = None
        self.until = until

    def read(self) -> None:
        """Take note of the commands that have come since the last call. Takes microseconds."""
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
        whole_lines = fresh[: fresh.rfind(b"\n") + 1]
        self.position += len(whole_lines)
        for line in whole_lines.splitlines():
            self._apply(line)

    def step_done(self) -> None:
        """Note that a batch is done: pause again if only one was asked for."""
        if self.until == "step":
            self.until, self.paused = "", True

    def epoch_done(self) -> None:
        """Note that an epoch is done: pause again if its rest, or one step, was asked for."""
        if self.until:
            self.until, self.paused = "", True

    def _apply(self, line: bytes) -> None:
        try:
            fields = json.loads(line)
            command, rate = fields["order"], fields.get("rate")
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        if command == "rate":
            self.rate = float(rate) if isinstance(rate, int | float) else self.rate
        elif command in {"step", "epoch"}:
            self.until, self.paused = command, False
        elif command in get_args(Command):
            self.until, self.paused = "", command == "pause"
            # After a stop, only a training that is asked for anew goes on.
            self.stop = command == "stop" or (self.stop and command != "go-on")
