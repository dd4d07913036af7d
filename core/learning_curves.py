"""The figures of a training as its verdict needs them: epochs, the best one, rises and jumps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Final

import pandas as pd

from core.datasets import CLASSES
from core.recipes import Recipe

Column = tuple[float, ...]

JUMP: Final = 0.25
"""A validation loss that rises by this part of its usual height has jumped, not crept."""
JUMP_WINDOW: Final = 5
JUMPS: Final = 2
"""One jump is an accident; two among the last five epochs are how this training goes."""
FEW_GROUPS: Final = 6
"""Fewer groups of batches than this are too few to compare a beginning and an end."""


@dataclass(frozen=True)
class Curves:
    """What is known of a training; the columns have a value for each finished epoch.

    A loss that was not finite is NaN, and so is every validation figure of a training without
    validation digits. `batches`: losses of the groups of batches of the epoch that is running.
    """

    recipe: Recipe
    running: bool
    ended_by: str
    epoch: tuple[int, ...]
    loss: Column
    accuracy: Column
    val_loss: Column
    val_accuracy: Column
    rate: Column
    batches: Column

    @staticmethod
    def of(
        history: pd.DataFrame,
        batch_losses: Sequence[float],
        *,
        recipe: Recipe,
        running: bool,
        ended_by: str,
    ) -> "Curves":
        """Read a history as `Run.history` and `core.live` give it; it may be empty."""

        def column(name: str) -> Column:
            if name not in history:
                return (math.nan,) * len(history)
            return tuple(pd.to_numeric(history[name], errors="coerce").astype(float))

        return Curves(
            recipe,
            running,
            ended_by,
            tuple(int(number) for number in column("epoch")),
            column("loss"),
            column("accuracy"),
            column("val_loss"),
            column("val_accuracy"),
            column("learning_rate"),
            tuple(float(loss) for loss in batch_losses),
        )

    @property
    def done(self) -> int:
        """How many epochs are finished."""
        return len(self.epoch)

    @property
    def name(self) -> str:
        """What the judged loss is called."""
        return "validation loss" if self.recipe.validates else "training loss"

    @property
    def judged(self) -> Column:
        """The loss that a training is judged by: of validation, without it of training."""
        return self.val_loss if self.recipe.validates else self.loss

    @property
    def excess(self) -> Column:
        """The judged loss above the least that there can be: by this, losses are compared.

        Smoothed labels are never quite right, so that even perfect answers cost their entropy.
        """
        smoothing = self.recipe.label_smoothing
        others = smoothing / CLASSES
        own = 1 - smoothing + others
        least = -own * math.log(own) - (CLASSES - 1) * (others and others * math.log(others))
        return tuple(loss - least for loss in self.judged)

    @property
    def best(self) -> int:
        """The row, from 0, of the lowest judged loss that is a number; the first of equals."""
        known = [row for row in range(self.done) if math.isfinite(self.judged[row])]
        return min(known, key=lambda row: self.judged[row])

    @property
    def stale(self) -> int:
        """How many epochs have passed without a lower judged loss."""
        return self.done - 1 - self.best

    @property
    def rises(self) -> int:
        """For how many epochs in a row, up to the last, the judged loss has risen."""
        judged, count = self.judged, 0
        while count + 1 < self.done and judged[-1 - count] > judged[-2 - count]:
            count += 1
        return count

    @property
    def jumps(self) -> bool:
        """Whether the judged loss went up by a large part more than once lately."""
        recent = self.excess[-JUMP_WINDOW:]
        least = JUMP * median(recent)
        return sum(after - before > least for before, after in pairwise(recent)) >= JUMPS

    @property
    def cycle_is_high(self) -> bool:
        """Whether one-cycle's learning rate is yet to come down to half of its peak.

        It falls on half a cosine wave, whose middle lies halfway between warm-up and end.
        """
        schedule = self.recipe.schedule
        middle = (1 + schedule.warmup) / 2
        return schedule.kind == "one-cycle" and self.epoch[-1] < middle * self.recipe.epochs

    def ends_of_batches(self) -> tuple[float, float] | None:
        """Means over the first and the last third of `batches`, or None if they are too few."""
        third = len(self.batches) // 3
        if len(self.batches) < FEW_GROUPS:
            return None
        return fmean(self.batches[:third]), fmean(self.batches[-third:])
