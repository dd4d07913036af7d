"""What the curves of a training say: a diagnosis in words, and one thing to try next.

`LearningCurves` holds the figures of a training and what follows from them (the best epoch, rises,
jumps). Each rule reads it and gives a `Diagnosis`, or None if it does not apply; `diagnose` takes
the first that applies. What makes the rest meaningless comes first: numbers that blew up, nothing
learned. A curve that jumps is judged before "overfitting" and "levelled off", since one epoch of
such a curve tells no direction. Without validation digits only the training loss can be judged, and
the advice says so.
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
    training_digit_count,
)
from core.recipes.architecture import BatchNorm, Dropout
from core.recipes.recipe import Recipe
from core.utils.text import epoch_count, percent_to_tenths

Column = tuple[float, ...]
_JUMP: Final = 0.25
"""A validation loss that rises by this part of its usual height has jumped, not crept."""
_JUMP_WINDOW: Final = 5
_JUMPS: Final = 2
"""One jump is an accident; two among the last five epochs are how this training goes."""
_FEW_GROUPS: Final = 6
"""Fewer groups of batches than this are too few to compare a beginning and an end."""


@dataclass(frozen=True)
class LearningCurves:
    """The figures of a training; the columns have a value for each finished epoch.

    A loss that was not finite is NaN, and so is every validation figure of a training without
    validation digits.

    Attributes:
        recipe: what is trained.
        running: whether the training goes on, also if it is paused.
        ended_by: why it ended, as in `RunInfo.ended_by`.
        epoch: the number of each epoch, counted from 1.
        loss: of training.
        accuracy: of training, 0 to 1.
        val_loss: of validation.
        val_accuracy: of validation, 0 to 1.
        batch_losses: of the groups of batches of the epoch that is running.
    """

    recipe: Recipe
    running: bool
    ended_by: str
    epoch: tuple[int, ...]
    loss: Column
    accuracy: Column
    val_loss: Column
    val_accuracy: Column
    batch_losses: Column

    @staticmethod
    def from_history(
        history: pd.DataFrame,
        batch_losses: Sequence[float],
        *,
        recipe: Recipe,
        running: bool,
        ended_by: str,
    ) -> "LearningCurves":
        """Read a history as `Run.history` and `LiveRun.epochs` give it; it may be empty."""

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
            tuple(float(loss) for loss in batch_losses),
        )

    @property
    def epochs_done(self) -> int:
        """How many epochs are finished."""
        return len(self.epoch)

    @property
    def judged_name(self) -> str:
        """The name of the judged loss in a sentence."""
        return "validation loss" if self.recipe.validates else "training loss"

    @property
    def judged(self) -> Column:
        """The loss that a training is judged by: of validation, without it of training."""
        return self.val_loss if self.recipe.validates else self.loss

    @property
    def excess(self) -> Column:
        """The judged loss minus the least possible one: by this, losses are compared.

        With label smoothing even perfect answers have a loss, the entropy of the smoothed labels.
        """
        smoothing = self.recipe.label_smoothing
        other = smoothing / CLASSES
        true = 1 - smoothing + other
        least = -true * math.log(true) - (CLASSES - 1) * (other and other * math.log(other))
        return tuple(loss - least for loss in self.judged)

    @property
    def best_row(self) -> int:
        """The row, from 0, of the lowest judged loss that is a number; the first of equals."""
        finite = [row for row in range(self.epochs_done) if math.isfinite(self.judged[row])]
        return min(finite, key=lambda row: self.judged[row])

    @property
    def epochs_since_best(self) -> int:
        """How many epochs have passed without a lower judged loss."""
        return self.epochs_done - 1 - self.best_row

    @property
    def rising_epochs(self) -> int:
        """For how many epochs in a row, up to the last, the judged loss has risen."""
        judged, count = self.judged, 0
        while count + 1 < self.epochs_done and judged[-1 - count] > judged[-2 - count]:
            count += 1
        return count

    @property
    def fluctuates(self) -> bool:
        """Whether the judged loss went up by a large part more than once in the last epochs."""
        recent = self.excess[-_JUMP_WINDOW:]
        least = _JUMP * median(recent)
        return sum(after - before > least for before, after in pairwise(recent)) >= _JUMPS

    @property
    def cycle_is_high(self) -> bool:
        """Whether one-cycle's learning rate has not yet come down to half of its peak.

        It falls on half a cosine wave, whose middle lies halfway between warm-up and end.
        """
        schedule = self.recipe.schedule
        middle = (1 + schedule.warmup) / 2
        return schedule.kind == "one-cycle" and self.epoch[-1] < middle * self.recipe.epochs

    def batch_loss_trend(self) -> tuple[float, float] | None:
        """Means over the first and the last third of the running epoch; None if too few groups."""
        third = len(self.batch_losses) // 3
        if len(self.batch_losses) < _FEW_GROUPS:
            return None
        return fmean(self.batch_losses[:third]), fmean(self.batch_losses[-third:])


DiagnosisKind = Literal[
    "early",
    "diverged",
    "guessing",
    "settling",
    "memorizing",
    "jumping",
    "overfitting",
    "levelled off",
    "improving",
    "wavering",
]


@dataclass(frozen=True)
class Diagnosis:
    """What the curves say.

    Attributes:
        kind: names the rule.
        headline: a sentence or two about the curves.
        advice: one thing to do or to know.
    """

    kind: DiagnosisKind
    headline: str
    advice: str


def loss_text(value: float) -> str:
    """A loss with as many digits as matter.

    Example:
        >>> [loss_text(2.3026), loss_text(0.41337), loss_text(0.02871)]
        ['2.30', '0.413', '0.0287']
    """
    return f"{value:.{2 if value >= 1 else 3 if value >= 0.1 else 4}f}"


def best_epoch_sentence(curves: LearningCurves) -> str:
    """A sentence: which epoch was the best, and its loss."""
    row = curves.best_row
    return f"The best was epoch {curves.epoch[row]}, at {loss_text(curves.judged[row])}."


def continue_sentence(curves: LearningCurves) -> str:
    """The plainest advice: let the training go on, or give more epochs to one that has ended."""
    if curves.running:
        return "Keep training."
    if curves.recipe.schedule.kind == "one-cycle" and curves.ended_by == "last epoch":
        # Its learning rate has come down to almost nothing: going on from here changes little.
        return "Train it again with more epochs, for one-cycle to spread over."
    return "Continue it: more epochs would help."


def diagnosis_notes(curves: LearningCurves) -> str:
    """Sentences on early stopping and the kept epoch, or on what is missing without validation."""
    if not curves.epochs_done:
        return ""
    if not curves.recipe.validates:
        return " Without validation digits, memorizing cannot be seen: set a tenth aside next time."
    notes = ""
    patience = curves.recipe.early_stopping
    if curves.running and patience and 0 < curves.epochs_since_best < patience:
        left = patience - curves.epochs_since_best
        notes += (
            f" Early stopping ends it after {left} more epoch{'s' * (left > 1)} "
            "without a lower validation loss."
        )
    if curves.recipe.keep_best:
        notes += f" The run keeps the weights of epoch {curves.epoch[curves.best_row]}."
    return notes


def validation_gap_sentence(curves: LearningCurves) -> str:
    """A sentence if validation looks better than training, which puzzles many and is no fault."""
    better = curves.val_loss[-1] < curves.loss[-1] and curves.val_accuracy[-1] > curves.accuracy[-1]
    if not better:
        return ""
    handicaps = _handicaps(curves.recipe)
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


_CHANCE: Final = math.log(CLASSES)
"""2.303: the loss of a network that gives each of ten digits a tenth."""
_EXPLODED: Final = 3 * _CHANCE
"""Guessing costs 2.3 at most; a network that stays three times worse is confidently wrong."""
_NEAR_CHANCE: Final = 0.95
"""A loss above this part of CHANCE, with an accuracy below the next, is guessing."""
_GUESSING_ACCURACY: Final = 0.2
_LEARNED_ACCURACY: Final = 0.5
"""A network that has read half of its digits had learned something that it can lose again."""
_MIN_PROGRESS: Final = 0.1
"""Within an epoch, a loss that changes by a tenth has moved, not flickered."""
_SLOW_PROGRESS: Final = 0.02
"""From one epoch to another, a loss near guessing that fell by more is on its way down."""
_SETTLED_STEPS: Final = 400
"""Batch norm's running averages keep 0.99 of themselves a step: after 400, 2 % of the start."""
_SETTLING_GAP: Final = 0.1


def has_diverged(curves: LearningCurves) -> Diagnosis | None:
    """Rule: the loss is no number, or far worse than guessing, or it guesses after learning."""
    advice = against_divergence(curves.recipe)
    last = (*curves.loss[-1:], *curves.judged[-1:], *curves.batch_losses)
    if curves.ended_by == "diverged" or not all(map(math.isfinite, last)):
        words = "Diverged: the loss is no longer a number. The learning rate is too high."
        return Diagnosis("diverged", words, advice)
    ends = curves.batch_loss_trend()
    # Both losses: with batch norm, validation alone can be far off in the first epochs. And one
    # that falls quickly is on its way back from a bad start.
    worst = min(curves.loss[-1], curves.judged[-1]) if curves.epochs_done else 0.0
    if worst > _EXPLODED and (curves.epochs_done == 1 or worst > 0.5 * curves.loss[-2]):
        recovering = ends is not None and ends[1] < _EXPLODED
        if not recovering:
            words = f"Diverged: a loss of {loss_text(worst)} is far worse than guessing (2.30)."
            return Diagnosis("diverged", f"{words} The learning rate is too high.", advice)
    had_learned = max(curves.accuracy, default=0.0) >= _LEARNED_ACCURACY
    lost = _guesses(curves) or (ends is not None and ends[1] > _NEAR_CHANCE * _CHANCE)
    if had_learned and lost:
        words = "Diverged: it had learned to read digits, and is back to guessing."
        return Diagnosis("diverged", f"{words} The learning rate is too high.", advice)
    return None


def _guesses(curves: LearningCurves) -> bool:
    """Whether the last epoch was no better than guessing, in training and in validation."""
    if not curves.epochs_done or curves.loss[-1] < _NEAR_CHANCE * _CHANCE:
        return False
    return all(
        not figure >= _GUESSING_ACCURACY
        for figure in (curves.accuracy[-1], curves.val_accuracy[-1])
    )


def first_epoch(curves: LearningCurves) -> Diagnosis | None:
    """Rule: before the first epoch ends there is only the loss of the batches. Is it moving?"""
    if curves.epochs_done:
        return None
    if not curves.running:
        return Diagnosis("early", "It ended before an epoch was done.", "Train it again.")
    ends = curves.batch_loss_trend()
    if ends is None:
        return Diagnosis("early", "Too early to say.", "The first batches are being learned.")
    return _diagnose_batches(curves.recipe, *ends)


def _diagnose_batches(recipe: Recipe, began: float, now: float) -> Diagnosis:
    """From the loss of the first and of the last batches."""
    span = f"{loss_text(began)} to {loss_text(now)}"
    if now > max(_EXPLODED, began):
        words = f"The loss is climbing, from {span}: it is about to diverge."
        return Diagnosis("diverged", words, against_divergence(recipe))
    if now > (1 + _MIN_PROGRESS) * began:
        words = f"The loss is climbing, from {span}."
        return Diagnosis("jumping", words, against_loss_spikes(recipe, running=True))
    if now > _NEAR_CHANCE * _CHANCE:
        words = f"Nothing is learned yet: the loss is {loss_text(now)}, and guessing costs 2.30."
        return Diagnosis("guessing", words, "Give it the rest of the epoch.")
    if now < (1 - _MIN_PROGRESS) * began:
        return Diagnosis(
            "improving", f"It is learning: the loss fell from {span}.", "Keep training."
        )
    return Diagnosis(
        "early", f"Too early to say: the loss is at {loss_text(now)}.", "Keep training."
    )


def is_guessing(curves: LearningCurves) -> Diagnosis | None:
    """Rule: it reads hardly more digits than a network that gives all the same answer."""
    if not _guesses(curves):
        return None
    words = (
        f"It has learned nothing so far: {percent_to_tenths(curves.accuracy[-1])} right and a loss "
        f"of {loss_text(curves.loss[-1])} are no better than guessing among ten digits."
    )
    falls = curves.epochs_done >= 2 and curves.loss[-1] < curves.loss[0] - _SLOW_PROGRESS
    return Diagnosis("guessing", words, against_guessing(curves.recipe, falls=falls))


def is_settling(curves: LearningCurves) -> Diagnosis | None:
    """Rule: validation is far behind training in the first steps of a network with batch norm.

    In training a batch is normalized by its own mean, in validation by an average over past
    batches, which starts from zero.
    """
    steps = curves.epochs_done and curves.epoch[-1] * curves.recipe.steps_per_epoch(
        training_digit_count(curves.recipe)
    )
    if not (
        curves.recipe.validates
        and 0 < steps < _SETTLED_STEPS
        and has_layer(curves.recipe, BatchNorm)
    ):
        return None
    if curves.accuracy[-1] - curves.val_accuracy[-1] < _SETTLING_GAP:
        return None
    words = "Validation lags far behind training: batch norm's running averages have not settled."
    return Diagnosis(
        "settling",
        words,
        f"{continue_sentence(curves)} After some {_SETTLED_STEPS} steps it catches up.",
    )


_RISES: Final = 3
"""Two rises in a row happen by chance in a noisy curve; a third is a direction."""
_STALE: Final = 3
"""After so many epochs without a lower loss, it has levelled off."""
_ABOVE_BEST: Final = 1.1
"""A validation loss by a tenth above its best is no longer near it."""
_GAP: Final = 0.02
"""In accuracy: more than the 400 validation digits of a sample's tenth leave to chance at 98 %."""
_WORTHWHILE_GAIN: Final = 0.02
"""An epoch that lowers the loss by less than this part of it has not improved much."""


def diagnose(
    history: pd.DataFrame,
    *,
    recipe: Recipe,
    running: bool,
    ended_by: str = "",
    batch_losses: Sequence[float] = (),
) -> Diagnosis:
    """Say how a training goes, or how it went.

    Args:
        history: a row for each finished epoch with the columns of a run's `history.csv`; may be
            empty. Validation figures are NaN without validation digits.
        recipe: what is being trained.
        running: whether it goes on (also if it is paused), or has ended.
        ended_by: why it ended, as `RunInfo.ended_by` has it.
        batch_losses: mean losses of the groups of batches of the running epoch, oldest first.

    Returns:
        What the first rule that applies says.

    Example:
        >>> from core.recipes.presets import PRESETS
        >>> no_epochs = pd.DataFrame(columns=["epoch", "loss", "accuracy"])
        >>> diagnose(no_epochs, recipe=PRESETS["fast"].recipe, running=True).headline
        'Too early to say.'
    """
    curves = LearningCurves.from_history(
        history, batch_losses, recipe=recipe, running=running, ended_by=ended_by
    )
    diagnosis = next(filter(None, (rule(curves) for rule in DIAGNOSIS_RULES)))
    if diagnosis.kind in {"diverged", "guessing"}:
        return diagnosis
    return replace(diagnosis, advice=diagnosis.advice + diagnosis_notes(curves))


def _memorizing(curves: LearningCurves) -> Diagnosis | None:
    """Rule: better and better on the digits it is trained on, worse and worse on others."""
    rises = curves.rising_epochs
    if not curves.recipe.validates or rises < _RISES or curves.cycle_is_high:
        return None
    if curves.loss[-1] >= curves.loss[-1 - rises]:
        return None
    words = (
        f"Validation loss has risen for {rises} epochs while training loss fell: it is "
        f"memorizing. {best_epoch_sentence(curves)}"
    )
    return Diagnosis("memorizing", words, against_overfitting(curves.recipe))


def _jumping(curves: LearningCurves) -> Diagnosis | None:
    """Rule: up and down by large parts; the steps are too long for this stage."""
    restless = (
        curves.fluctuates or curves.rising_epochs >= _RISES or curves.epochs_since_best >= _STALE
    )
    if curves.cycle_is_high and restless:
        words = f"The {curves.judged_name} is restless while one-cycle's learning rate is high."
        if curves.running:
            return Diagnosis(
                "jumping", words, "That is usual: it falls when the learning rate does."
            )
        return Diagnosis("jumping", words, "It ended before that came down: continue it.")
    if not curves.fluctuates:
        return None
    recent = curves.judged[-_JUMP_WINDOW:]
    words = (
        f"The {curves.judged_name} jumps between {loss_text(min(recent))} and "
        f"{loss_text(max(recent))}: the learning rate is high for this stage."
    )
    return Diagnosis("jumping", words, against_loss_spikes(curves.recipe, running=curves.running))


def _overfitting(curves: LearningCurves) -> Diagnosis | None:
    """Rule: validation is no longer near its best, or lags, while the training loss still fell."""
    if not curves.recipe.validates or curves.epochs_since_best < 2 or curves.cycle_is_high:
        return None
    if curves.loss[-1] >= curves.loss[curves.best_row]:
        return None
    gap = curves.accuracy[-1] - curves.val_accuracy[-1]
    if min(curves.excess[-2:]) > _ABOVE_BEST * curves.excess[curves.best_row]:
        words = (
            f"Overfitting: validation loss is at {loss_text(curves.judged[-1])}. "
            f"{best_epoch_sentence(curves)}"
        )
    elif gap >= _GAP:
        words = (
            f"Overfitting: {percent_to_tenths(curves.accuracy[-1])} of the training digits are "
            f"read rightly, but {percent_to_tenths(curves.val_accuracy[-1])} of the others. "
            f"{best_epoch_sentence(curves)}"
        )
    else:
        return None
    return Diagnosis("overfitting", words, against_overfitting(curves.recipe))


def _one_epoch(curves: LearningCurves) -> Diagnosis | None:
    """Rule: one point is no direction."""
    if curves.epochs_done > 1:
        return None
    figure = curves.val_accuracy[-1] if curves.recipe.validates else curves.accuracy[-1]
    words = (
        f"One epoch is done, {percent_to_tenths(figure)} right: a second one shows where it goes."
    )
    return Diagnosis("early", words, continue_sentence(curves) + validation_gap_sentence(curves))


def _levelled_off(curves: LearningCurves) -> Diagnosis | None:
    """Rule: nothing has got better for some epochs, and nothing worse."""
    stopped_early = curves.ended_by == "early stopping"
    if curves.epochs_since_best < _STALE and not stopped_early:
        return None
    words = (
        f"Levelled off: no lower {curves.judged_name} for {epoch_count(curves.epochs_since_best)}. "
        f"{best_epoch_sentence(curves)}"
    )
    if stopped_early:
        words += " Early stopping ended it."
    return Diagnosis(
        "levelled off", words, against_underfitting(curves.recipe, running=curves.running)
    )


def _improving(curves: LearningCurves) -> Diagnosis | None:
    """Rule: the last epoch is the best one, and clearly so."""
    if curves.epochs_since_best or curves.excess[-1] > (1 - _WORTHWHILE_GAIN) * curves.excess[-2]:
        return None
    ended = _ENDED_WHILE.get(curves.ended_by, "Ended while")
    start = "Still improving" if curves.running else f"{ended} still improving"
    if not curves.recipe.validates:
        loss = _last_loss_text(curves)
        words = f"{start}, on the digits that it is trained on: training loss {loss}."
        # It nearly always falls, up to the last digit learned by heart: no reason for more epochs.
        return Diagnosis("improving", words, "Keep training." if curves.running else _UNSEEN)
    words = (
        f"{start}: epoch {curves.epoch[-1]} is the best so far, validation loss "
        f"{_last_loss_text(curves)}."
    )
    return Diagnosis(
        "improving", words, continue_sentence(curves) + validation_gap_sentence(curves)
    )


def _last_loss_text(curves: LearningCurves) -> str:
    return loss_text(curves.judged[-1])


_UNSEEN: Final = "Whether more epochs would help cannot be told from this."
_ENDED_WHILE: Final = {
    "last epoch": "Finished while",
    "by hand": "Stopped by hand while",
    "time limit": "Stopped by the time limit while",
    "pause limit": "Stopped after a long pause while",
    "fault": "Broken off by a fault while",
}


def _wavering(curves: LearningCurves) -> Diagnosis:
    """The last rule, which always applies: hardly better, or worse for an epoch or two."""
    name, loss, best = curves.judged_name, _last_loss_text(curves), best_epoch_sentence(curves)
    if curves.running:
        words = f"Hardly better than before: the {name} is {loss}."
        if curves.epochs_since_best:
            words = f"The {name} is {loss}, no better than before. {best}"
        advice = "One epoch says little: wait for the next."
    elif curves.excess[-1] > _ABOVE_BEST * curves.excess[curves.best_row]:
        words = f"It ended off its best: the {name} is {loss}. {best}"
        advice = against_loss_spikes(curves.recipe, running=False)
    else:
        words = f"It ended where little was left to gain: {name} {loss}. {best}"
        advice = against_underfitting(curves.recipe, running=False)
    return Diagnosis("wavering", words, advice + validation_gap_sentence(curves))


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
"""In order: the first that applies decides. The last always applies."""
