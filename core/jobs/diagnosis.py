"""A verdict in words that follows the curves of a training, and one thing to try next.

The rules are tried in order; the first that applies speaks. What makes the rest meaningless comes
first (`core.jobs.diagnosis`: numbers that blew up, nothing learned). A curve that jumps is judged
before "overfitting" and "levelled off", since one epoch of such a curve tells no direction.
Without validation digits only the training loss can be judged, and the advice says so.

Verdicts on a training that does not learn, or not yet: before its curves have a direction.

The figures of a training as its verdict needs them: epochs, the best one, rises and jumps.

How a verdict on a training speaks: its parts, and the phrases that several rules share.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean, median
from typing import Final, Literal

import pandas as pd

from core.data.mnist import CLASSES
from core.recipes.advice import (
    against_divergence,
    against_guessing,
    against_loss_spikes,
    against_overfitting,
    against_underfitting,
    has_layer,
    steps_per_epoch,
    training_digit_count,
)
from core.recipes.architecture import BatchNorm, Dropout
from core.recipes.recipe import Recipe
from core.utils.text import percent_to_tenths

Column = tuple[float, ...]
JUMP: Final = 0.25
"""A validation loss that rises by this part of its usual height has jumped, not crept."""
JUMP_WINDOW: Final = 5
JUMPS: Final = 2
"""One jump is an accident; two among the last five epochs are how this training goes."""
FEW_GROUPS: Final = 6
"""Fewer groups of batches than this are too few to compare a beginning and an end."""


@dataclass(frozen=True)
class LearningCurves:
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
    ) -> "LearningCurves":
        """Read a history as `Run.history` and `core.jobs.live_run` give it; it may be empty."""

        def column(name: str) -> Column:
            if name not in history:
                return (math.nan,) * len(history)
            return tuple(pd.to_numeric(history[name], errors="coerce").astype(float))

        return LearningCurves(
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


DiagnosisKind = Literal[
    "early",
    "diverged",
    "guessing",
    "settling",
    "memorising",
    "jumping",
    "overfitting",
    "levelled off",
    "improving",
    "wavering",
]


@dataclass(frozen=True)
class Diagnosis:
    """What the curves say. `kind` names the rule, `advice` is one thing to do or to know."""

    kind: DiagnosisKind
    headline: str
    advice: str


def loss_text(value: float) -> str:
    """A loss with as many digits as can be told apart: 2.30, 0.413, 0.0287."""
    return f"{value:.{2 if value >= 1 else 3 if value >= 0.1 else 4}f}"


def best_epoch_sentence(c: LearningCurves) -> str:
    """Which epoch was the best, and how low its loss: a sentence."""
    return f"The best was epoch {c.epoch[c.best]}, at {loss_text(c.judged[c.best])}."


def continue_sentence(c: LearningCurves) -> str:
    """The plainest advice: let it go on, or give more epochs to what has ended."""
    if c.running:
        return "Let it go on."
    if c.recipe.schedule.kind == "one-cycle" and c.ended_by == "last epoch":
        # Its learning rate has come down to almost nothing: going on from here changes little.
        return "Train it again with more epochs, for one-cycle to spread over."
    return "Continue it: more epochs would help."


def diagnosis_notes(c: LearningCurves) -> str:
    """Sentences on what the recipe does by the validation loss, or on what is missing without."""
    if not c.done:
        return ""
    if not c.recipe.validates:
        return " Without validation digits, memorising cannot be seen: set a tenth aside next time."
    found = ""
    patience = c.recipe.early_stopping
    if c.running and patience and 0 < c.stale < patience:
        left = patience - c.stale
        found += (
            f" Early stopping ends it after {left} more epoch{'s' * (left > 1)} "
            "without a lower validation loss."
        )
    if c.recipe.keep_best:
        found += f" The run keeps the weights of epoch {c.epoch[c.best]}."
    return found


def validation_gap_sentence(c: LearningCurves) -> str:
    """A sentence if validation looks better than training: that puzzles many, and is no fault."""
    better = c.val_loss[-1] < c.loss[-1] and c.val_accuracy[-1] > c.accuracy[-1]
    if not better:
        return ""
    handicaps = _handicaps(c.recipe)
    if handicaps:
        why = f"{handicaps} made training harder, and validation goes without"
    else:
        why = "training is averaged over the epoch, and validation is measured at its end"
    return f" That validation looks better than training is no fault: {why}."


def _handicaps(recipe: Recipe) -> str:
    names = []
    if has_layer(recipe, Dropout):
        names.append("dropout")
    if recipe.augmentation.active:
        names.append("augmentation")
    return " and ".join(names)


CHANCE: Final = math.log(CLASSES)
"""2.303: the loss of a network that gives each of ten digits a tenth."""
EXPLODED: Final = 3 * CHANCE
"""Guessing costs 2.3 at most; a network that stays three times worse is confidently wrong."""
NEAR_CHANCE: Final = 0.95
"""A loss above this part of CHANCE, with an accuracy below the next, is guessing."""
GUESSING_ACCURACY: Final = 0.2
LEARNED_ACCURACY: Final = 0.5
"""A network that has read half of its digits had learned something that it can lose again."""
MIN_PROGRESS: Final = 0.1
"""Within an epoch, a loss that changes by a tenth has moved, not flickered."""
SLOW_PROGRESS: Final = 0.02
"""From one epoch to another, a loss near guessing that fell by more is on its way down."""
SETTLED_STEPS: Final = 400
"""Batch norm's running averages keep 0.99 of themselves a step: after 400, 2 % of the start."""
SETTLING_GAP: Final = 0.1


def has_diverged(c: LearningCurves) -> Diagnosis | None:
    """A loss that is no number, or far worse than guessing, or guessing again after learning."""
    advice = against_divergence(c.recipe)
    last = (*c.loss[-1:], *c.judged[-1:], *c.batches)
    if c.ended_by == "diverged" or not all(map(math.isfinite, last)):
        words = "Diverged: the loss is no longer a number. The learning rate is too high."
        return Diagnosis("diverged", words, advice)
    ends = c.ends_of_batches()
    # Both losses: with batch norm, validation alone can be far off in the first epochs. And one
    # that falls quickly is on its way back from a bad start.
    worst = min(c.loss[-1], c.judged[-1]) if c.done else 0.0
    if worst > EXPLODED and (c.done == 1 or worst > 0.5 * c.loss[-2]):
        recovering = ends is not None and ends[1] < EXPLODED
        if not recovering:
            words = f"Diverged: a loss of {loss_text(worst)} is far worse than guessing (2.30)."
            return Diagnosis("diverged", f"{words} The learning rate is too high.", advice)
    had_learned = max(c.accuracy, default=0.0) >= LEARNED_ACCURACY
    lost = _guesses(c) or (ends is not None and ends[1] > NEAR_CHANCE * CHANCE)
    if had_learned and lost:
        words = "Diverged: it had learnt to read digits, and is back to guessing."
        return Diagnosis("diverged", f"{words} The learning rate is too high.", advice)
    return None


def _guesses(c: LearningCurves) -> bool:
    """Whether the last epoch was no better than guessing, in training and in validation."""
    if not c.done or c.loss[-1] < NEAR_CHANCE * CHANCE:
        return False
    return all(not figure >= GUESSING_ACCURACY for figure in (c.accuracy[-1], c.val_accuracy[-1]))


def first_epoch(c: LearningCurves) -> Diagnosis | None:
    """Before the first epoch ends there is only the loss of the batches: is it moving?"""
    if c.done:
        return None
    if not c.running:
        return Diagnosis("early", "It ended before an epoch was done.", "Train it again.")
    ends = c.ends_of_batches()
    if ends is None:
        return Diagnosis("early", "Too early to say.", "The first batches are being learnt.")
    return _batches(c.recipe, *ends)


def _batches(recipe: Recipe, began: float, now: float) -> Diagnosis:
    span = f"{loss_text(began)} to {loss_text(now)}"
    if now > max(EXPLODED, began):
        words = f"The loss is climbing, from {span}: it is about to diverge."
        return Diagnosis("diverged", words, against_divergence(recipe))
    if now > (1 + MIN_PROGRESS) * began:
        words = f"The loss is climbing, from {span}."
        return Diagnosis("jumping", words, against_loss_spikes(recipe, running=True))
    if now > NEAR_CHANCE * CHANCE:
        words = f"Nothing is learnt yet: the loss is {loss_text(now)}, and guessing costs 2.30."
        return Diagnosis("guessing", words, "Give it the rest of the epoch.")
    if now < (1 - MIN_PROGRESS) * began:
        return Diagnosis(
            "improving", f"It is learning: the loss fell from {span}.", "Let it go on."
        )
    return Diagnosis(
        "early", f"Too early to say: the loss is at {loss_text(now)}.", "Let it go on."
    )


def is_guessing(c: LearningCurves) -> Diagnosis | None:
    """It reads hardly more digits than one that says the same of all."""
    if not _guesses(c):
        return None
    words = (
        f"It has learnt nothing so far: {percent_to_tenths(c.accuracy[-1])} right and a loss of "
        f"{loss_text(c.loss[-1])} are no better than guessing among ten digits."
    )
    falls = c.done >= 2 and c.loss[-1] < c.loss[0] - SLOW_PROGRESS
    return Diagnosis("guessing", words, against_guessing(c.recipe, falls=falls))


def is_settling(c: LearningCurves) -> Diagnosis | None:
    """Validation far behind training in the first steps of a network with batch norm.

    In training a batch is normalized by its own mean, in validation by an average over past
    batches, which starts from zero.
    """
    steps = c.done and c.epoch[-1] * steps_per_epoch(c.recipe, training_digit_count(c.recipe))
    if not (c.recipe.validates and 0 < steps < SETTLED_STEPS and has_layer(c.recipe, BatchNorm)):
        return None
    if c.accuracy[-1] - c.val_accuracy[-1] < SETTLING_GAP:
        return None
    words = "Validation lags far behind training: batch norm's running averages have not settled."
    return Diagnosis(
        "settling", words, f"{continue_sentence(c)} After some {SETTLED_STEPS} steps it catches up."
    )


RISES: Final = 3
"""Two rises in a row happen by chance in a noisy curve; a third is a direction."""
STALE: Final = 3
"""For how many epochs nothing may get better until it counts as levelled off."""
ABOVE_BEST: Final = 1.1
"""A validation loss of a tenth above its best has left it."""
GAP: Final = 0.02
"""In accuracy: more than the 400 validation digits of a sample's tenth leave to chance at 98 %."""
WORTHWHILE_GAIN: Final = 0.02
"""An epoch that lowers the loss by less than this part of it has not improved much."""


def diagnose(
    history: pd.DataFrame,
    *,
    recipe: Recipe,
    running: bool,
    ended_by: str = "",
    batch_losses: Sequence[float] = (),
) -> Diagnosis:
    """What is to be said of a training so far.

    Args:
        history: a row for each finished epoch with the columns of a run's `history.csv`; may be
            empty. Validation figures are NaN without validation digits.
        recipe: what is being trained.
        running: whether it goes on (also if it is paused), or has ended.
        ended_by: why it ended, as `RunInfo.ended_by` has it.
        batch_losses: mean losses of the groups of batches of the running epoch, oldest first.
    """
    curves = LearningCurves.of(
        history, batch_losses, recipe=recipe, running=running, ended_by=ended_by
    )
    found = next(filter(None, (rule(curves) for rule in DIAGNOSIS_RULES)))
    useless = found.kind in {"diverged", "guessing"}
    return found if useless else replace(found, advice=found.advice + diagnosis_notes(curves))


def _memorizing(c: LearningCurves) -> Diagnosis | None:
    """Better and better on the digits it is trained on, worse and worse on others."""
    rises = c.rises
    if not c.recipe.validates or rises < RISES or c.cycle_is_high:
        return None
    if c.loss[-1] >= c.loss[-1 - rises]:
        return None
    words = (
        f"Validation loss has risen for {rises} epochs while training loss fell: it is memorising. "
        f"{best_epoch_sentence(c)}"
    )
    return Diagnosis("memorising", words, against_overfitting(c.recipe))


def _jumping(c: LearningCurves) -> Diagnosis | None:
    """Up and down by large parts: the steps are too long for the stage that it has reached."""
    restless = c.jumps or c.rises >= RISES or c.stale >= STALE
    if c.cycle_is_high and restless:
        words = f"The {c.name} is restless while one-cycle's learning rate is high."
        if c.running:
            return Diagnosis(
                "jumping", words, "That is usual: it falls when the learning rate does."
            )
        return Diagnosis("jumping", words, "It ended before that came down: continue it.")
    if not c.jumps:
        return None
    recent = c.judged[-JUMP_WINDOW:]
    words = (
        f"The {c.name} jumps between {loss_text(min(recent))} and {loss_text(max(recent))}: "
        "the learning rate is high for this stage."
    )
    return Diagnosis("jumping", words, against_loss_spikes(c.recipe, running=c.running))


def _overfitting(c: LearningCurves) -> Diagnosis | None:
    """Validation has left its best, or lags, while training went on: what it learns is no use."""
    if not c.recipe.validates or c.stale < 2 or c.cycle_is_high:
        return None
    if c.loss[-1] >= c.loss[c.best]:
        return None
    gap = c.accuracy[-1] - c.val_accuracy[-1]
    if min(c.excess[-2:]) > ABOVE_BEST * c.excess[c.best]:
        words = (
            f"Overfitting: validation loss is at {loss_text(c.judged[-1])}. "
            f"{best_epoch_sentence(c)}"
        )
    elif gap >= GAP:
        words = (
            f"Overfitting: {percent_to_tenths(c.accuracy[-1])} of the training digits are read "
            f"rightly, but {percent_to_tenths(c.val_accuracy[-1])} of the others. "
            f"{best_epoch_sentence(c)}"
        )
    else:
        return None
    return Diagnosis("overfitting", words, against_overfitting(c.recipe))


def _one_epoch(c: LearningCurves) -> Diagnosis | None:
    """One point is no direction."""
    if c.done > 1:
        return None
    figure = c.val_accuracy[-1] if c.recipe.validates else c.accuracy[-1]
    words = (
        f"One epoch is done, {percent_to_tenths(figure)} right: a second one shows where it goes."
    )
    return Diagnosis("early", words, continue_sentence(c) + validation_gap_sentence(c))


def _levelled_off(c: LearningCurves) -> Diagnosis | None:
    """Nothing has got better for some epochs, and nothing worse."""
    stopped_early = c.ended_by == "early stopping"
    if c.stale < STALE and not stopped_early:
        return None
    words = f"Levelled off: no lower {c.name} for {_epochs(c.stale)}. {best_epoch_sentence(c)}"
    if stopped_early:
        words += " Early stopping ended it."
    return Diagnosis("levelled off", words, against_underfitting(c.recipe, running=c.running))


def _improving(c: LearningCurves) -> Diagnosis | None:
    """The last epoch is the best one, by more than a hair."""
    if c.stale or c.excess[-1] > (1 - WORTHWHILE_GAIN) * c.excess[-2]:
        return None
    how = (
        "Still improving" if c.running else f"{_HOW.get(c.ended_by, 'Ended while')} still improving"
    )
    if not c.recipe.validates:
        words = f"{how}, on the digits that it is trained on: training loss {_now(c)}."
        # It nearly always falls, up to the last digit learned by heart: no reason for more epochs.
        return Diagnosis("improving", words, "Let it go on." if c.running else _UNSEEN)
    words = f"{how}: epoch {c.epoch[-1]} is the best so far, validation loss {_now(c)}."
    return Diagnosis("improving", words, continue_sentence(c) + validation_gap_sentence(c))


def _now(c: LearningCurves) -> str:
    return loss_text(c.judged[-1])


_UNSEEN: Final = "Whether more epochs would help cannot be told from this."
_HOW: Final = {
    "last epoch": "Finished while",
    "by hand": "Stopped by hand while",
    "time limit": "Stopped by the time limit while",
    "pause limit": "Stopped after a long pause while",
    "fault": "Broken off by a fault while",
}


def _wavering(c: LearningCurves) -> Diagnosis:
    """No rule applies: hardly better than before, or worse for an epoch or two."""
    if c.running:
        words = f"Hardly better than before: the {c.name} is {_now(c)}."
        if c.stale:
            words = f"The {c.name} is {_now(c)}, no better than before. {best_epoch_sentence(c)}"
        advice = "One epoch says little: wait for the next."
    elif c.excess[-1] > ABOVE_BEST * c.excess[c.best]:
        words = f"It ended off its best: the {c.name} is {_now(c)}. {best_epoch_sentence(c)}"
        advice = against_loss_spikes(c.recipe, running=False)
    else:
        words = (
            f"It ended where little was left to gain: {c.name} {_now(c)}. {best_epoch_sentence(c)}"
        )
        advice = against_underfitting(c.recipe, running=False)
    return Diagnosis("wavering", words, advice + validation_gap_sentence(c))


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' * (count != 1)}"


DIAGNOSIS_RULES: Final[tuple[Callable[[LearningCurves], Diagnosis | None], ...]] = (
    has_diverged,
    first_epoch,
    is_guessing,
    is_settling,
    _memorizing,
    _one_epoch,
    _jumping,
    _overfitting,
    _levelled_off,
    _improving,
    _wavering,
)
"""In order: the first that applies speaks. The last always does."""
