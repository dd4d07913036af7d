"""Verdicts on a training that does not learn, or not yet: before its curves have a direction."""

import math
from typing import Final

from core import rates, remedies
from core.architectures import BatchNorm
from core.datasets import CLASSES
from core.learning_curves import Curves
from core.recipes import Recipe
from core.text import percent_to_tenths
from core.verdict_words import Verdict, go_on, loss_of

CHANCE: Final = math.log(CLASSES)
"""2.303: the loss of a network that gives each of ten digits a tenth."""
EXPLODED: Final = 3 * CHANCE
"""Guessing costs 2.3 at most; a network that stays three times worse is confidently wrong."""
NEAR_CHANCE: Final = 0.95
"""A loss above this part of CHANCE, with an accuracy below the next, is guessing."""
GUESSING_ACCURACY: Final = 0.2
LEARNT_ACCURACY: Final = 0.5
"""A network that has read half of its digits had learnt something that it can lose again."""
MOVED: Final = 0.1
"""Within an epoch, a loss that changes by a tenth has moved, not flickered."""
CREPT: Final = 0.02
"""From one epoch to another, a loss near guessing that fell by more is on its way down."""
SETTLED_STEPS: Final = 400
"""Batch norm's running averages keep 0.99 of themselves a step: after 400, 2 % of the start."""
SETTLING_GAP: Final = 0.1


def diverged(c: Curves) -> Verdict | None:
    """A loss that is no number, or far worse than guessing, or guessing again after learning."""
    advice = remedies.against_divergence(c.recipe)
    last = (*c.loss[-1:], *c.judged[-1:], *c.batches)
    if c.ended_by == "diverged" or not all(map(math.isfinite, last)):
        words = "Diverged: the loss is no longer a number. The learning rate is too high."
        return Verdict("diverged", words, advice)
    ends = c.ends_of_batches()
    # Both losses: with batch norm, validation alone can be far off in the first epochs. And one
    # that falls quickly is on its way back from a bad start.
    worst = min(c.loss[-1], c.judged[-1]) if c.done else 0.0
    if worst > EXPLODED and (c.done == 1 or worst > 0.5 * c.loss[-2]):
        recovering = ends is not None and ends[1] < EXPLODED
        if not recovering:
            words = f"Diverged: a loss of {loss_of(worst)} is far worse than guessing (2.30)."
            return Verdict("diverged", f"{words} The learning rate is too high.", advice)
    had_learnt = max(c.accuracy, default=0.0) >= LEARNT_ACCURACY
    lost = _guesses(c) or (ends is not None and ends[1] > NEAR_CHANCE * CHANCE)
    if had_learnt and lost:
        words = "Diverged: it had learnt to read digits, and is back to guessing."
        return Verdict("diverged", f"{words} The learning rate is too high.", advice)
    return None


def _guesses(c: Curves) -> bool:
    """Whether the last epoch was no better than guessing, in training and in validation."""
    if not c.done or c.loss[-1] < NEAR_CHANCE * CHANCE:
        return False
    return all(not figure >= GUESSING_ACCURACY for figure in (c.accuracy[-1], c.val_accuracy[-1]))


def first_epoch(c: Curves) -> Verdict | None:
    """Before the first epoch ends there is only the loss of the batches: is it moving?"""
    if c.done:
        return None
    if not c.running:
        return Verdict("early", "It ended before an epoch was done.", "Train it again.")
    ends = c.ends_of_batches()
    if ends is None:
        return Verdict("early", "Too early to say.", "The first batches are being learnt.")
    return _batches(c.recipe, *ends)


def _batches(recipe: Recipe, began: float, now: float) -> Verdict:
    span = f"{loss_of(began)} to {loss_of(now)}"
    if now > max(EXPLODED, began):
        words = f"The loss is climbing, from {span}: it is about to diverge."
        return Verdict("diverged", words, remedies.against_divergence(recipe))
    if now > (1 + MOVED) * began:
        words = f"The loss is climbing, from {span}."
        return Verdict("jumping", words, remedies.against_jumps(recipe, running=True))
    if now > NEAR_CHANCE * CHANCE:
        words = f"Nothing is learnt yet: the loss is {loss_of(now)}, and guessing costs 2.30."
        return Verdict("guessing", words, "Give it the rest of the epoch.")
    if now < (1 - MOVED) * began:
        return Verdict("improving", f"It is learning: the loss fell from {span}.", "Let it go on.")
    return Verdict("early", f"Too early to say: the loss is at {loss_of(now)}.", "Let it go on.")


def guessing(c: Curves) -> Verdict | None:
    """It reads hardly more digits than one that says the same of all."""
    if not _guesses(c):
        return None
    words = (
        f"It has learnt nothing so far: {percent_to_tenths(c.accuracy[-1])} right and a loss of "
        f"{loss_of(c.loss[-1])} are no better than guessing among ten digits."
    )
    falls = c.done >= 2 and c.loss[-1] < c.loss[0] - CREPT
    return Verdict("guessing", words, remedies.against_guessing(c.recipe, falls=falls))


def settling(c: Curves) -> Verdict | None:
    """Validation far behind training in the first steps of a network with batch norm.

    In training a batch is normalised by its own mean, in validation by an average over past
    batches, which starts from zero.
    """
    steps = c.done and c.epoch[-1] * rates.steps(c.recipe, rates.digits_fitted(c.recipe))
    if not (c.recipe.validates and 0 < steps < SETTLED_STEPS and remedies.has(c.recipe, BatchNorm)):
        return None
    if c.accuracy[-1] - c.val_accuracy[-1] < SETTLING_GAP:
        return None
    words = "Validation lags far behind training: batch norm's running averages have not settled."
    return Verdict("settling", words, f"{go_on(c)} After some {SETTLED_STEPS} steps it catches up.")
