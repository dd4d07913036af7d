"""What a running training is told: lines that the server appends and the training reads.

They go through the run folder (`orders.jsonl`), so whoever sees the folder can give them, and they
outlive both sides: a training that is started again reads those that came meanwhile.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

from core.plain_json import to_json

FILE = "orders.jsonl"
Order = Literal["pause", "resume", "step", "epoch", "stop", "go-on", "rate"]


def give(folder: Path, order: Order, rate: float | None = None) -> None:
    """Append an order. `rate`, with the order "rate": the optimizer's new learning rate.

    Raises OSError if the folder is gone or the disk is full.
    """
    line = {"order": order} if rate is None else {"order": order, "rate": rate}
    # One short write in append mode: lines of two servers do not mix.
    with (folder / FILE).open("ab", buffering=0) as file:
        file.write(to_json(line).encode() + b"\n")


def last(folder: Path) -> Order | None:
    """The order that was given last, obeyed yet or not; None if there was none."""
    try:
        lines = (folder / FILE).read_bytes().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        with suppress(ValueError, TypeError, KeyError):
            order: Order = json.loads(line)["order"]
            if order != "rate":
                return order
    return None


class Orders:
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
        path = self.folder / FILE
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
        elif order in get_args(Order):
            self.until, self.paused = "", order == "pause"
            # After a stop, only a training that is asked for anew goes on.
            self.stop = order == "stop" or (self.stop and order != "go-on")
