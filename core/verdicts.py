"""A verdict in words that follows the curves of a training, and one thing to try next.

The rules are tried in order; the first that applies speaks. What makes the rest meaningless comes
first (`core.faulty_curves`: numbers that blew up, nothing learnt). A curve that jumps is judged
before "overfitting" and "levelled off", since one epoch of such a curve tells no direction.
Without validation digits only the training loss can be judged, and the advice says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from core import remedies
from core.faulty_curves import diverged, first_epoch, guessing, settling
from core.learning_curves import JUMP_WINDOW, Curves
from core.recipes import Recipe
from core.text import percent_to_tenths
from core.verdict_words import Verdict, best_was, go_on, loss_of, notes, why_validation_is_better

RISES: Final = 3
"""Two rises in a row happen by chance in a noisy curve; a third is a direction."""
STALE: Final = 3
"""For how many epochs nothing may get better until it counts as levelled off."""
ABOVE_BEST: Final = 1.1
"""A validation loss of a tenth above its best has left it."""
GAP: Final = 0.02
"""In accuracy: more than the 400 validation digits of a sample's tenth leave to chance at 98 %."""
WORTH: Final = 0.02
"""An epoch that lowers the loss by less than this part of it has not improved much."""


def verdict(
    history: pd.DataFrame,
    *,
    recipe: Recipe,
    running: bool,
    ended_by: str = "",
    batch_losses: Sequence[float] = (),
) -> Verdict:
    """What is to be said of a training so far.

    Args:
        history: a row for each finished epoch with the columns of a run's `history.csv`; may be
            empty. Validation figures are NaN without validation digits.
        recipe: what is being trained.
        running: whether it goes on (also if it is paused), or has ended.
        ended_by: why it ended, as `RunInfo.ended_by` has it.
        batch_losses: mean losses of the groups of batches of the running epoch, oldest first.
    """
    curves = Curves.of(history, batch_losses, recipe=recipe, running=running, ended_by=ended_by)
    found = next(filter(None, (rule(curves) for rule in RULES)))
    useless = found.kind in {"diverged", "guessing"}
    return found if useless else replace(found, advice=found.advice + notes(curves))


def _memorising(c: Curves) -> Verdict | None:
    """Better and better on the digits it is trained on, worse and worse on others."""
    rises = c.rises
    if not c.recipe.validates or rises < RISES or c.cycle_is_high:
        return None
    if c.loss[-1] >= c.loss[-1 - rises]:
        return None
    words = (
        f"Validation loss has risen for {rises} epochs while training loss fell: it is memorising. "
        f"{best_was(c)}"
    )
    return Verdict("memorising", words, remedies.against_memorising(c.recipe))


def _jumping(c: Curves) -> Verdict | None:
    """Up and down by large parts: the steps are too long for the stage that it has reached."""
    restless = c.jumps or c.rises >= RISES or c.stale >= STALE
    if c.cycle_is_high and restless:
        words = f"The {c.name} is restless while one-cycle's learning rate is high."
        if c.running:
            return Verdict("jumping", words, "That is usual: it falls when the learning rate does.")
        return Verdict("jumping", words, "It ended before that came down: continue it.")
    if not c.jumps:
        return None
    recent = c.judged[-JUMP_WINDOW:]
    words = (
        f"The {c.name} jumps between {loss_of(min(recent))} and {loss_of(max(recent))}: "
        "the learning rate is high for this stage."
    )
    return Verdict("jumping", words, remedies.against_jumps(c.recipe, running=c.running))


def _overfitting(c: Curves) -> Verdict | None:
    """Validation has left its best, or lags, while training went on: what it learns is no use."""
    if not c.recipe.validates or c.stale < 2 or c.cycle_is_high:
        return None
    if c.loss[-1] >= c.loss[c.best]:
        return None
    gap = c.accuracy[-1] - c.val_accuracy[-1]
    if min(c.excess[-2:]) > ABOVE_BEST * c.excess[c.best]:
        words = f"Overfitting: validation loss is at {loss_of(c.judged[-1])}. {best_was(c)}"
    elif gap >= GAP:
        words = (
            f"Overfitting: {percent_to_tenths(c.accuracy[-1])} of the training digits are read "
            f"rightly, but {percent_to_tenths(c.val_accuracy[-1])} of the others. {best_was(c)}"
        )
    else:
        return None
    return Verdict("overfitting", words, remedies.against_memorising(c.recipe))


def _one_epoch(c: Curves) -> Verdict | None:
    """One point is no direction."""
    if c.done > 1:
        return None
    figure = c.val_accuracy[-1] if c.recipe.validates else c.accuracy[-1]
    words = (
        f"One epoch is done, {percent_to_tenths(figure)} right: a second one shows where it goes."
    )
    return Verdict("early", words, go_on(c) + why_validation_is_better(c))


def _levelled_off(c: Curves) -> Verdict | None:
    """Nothing has got better for some epochs, and nothing worse."""
    stopped_early = c.ended_by == "early stopping"
    if c.stale < STALE and not stopped_early:
        return None
    words = f"Levelled off: no lower {c.name} for {_epochs(c.stale)}. {best_was(c)}"
    if stopped_early:
        words += " Early stopping ended it."
    return Verdict("levelled off", words, remedies.against_standstill(c.recipe, running=c.running))


def _improving(c: Curves) -> Verdict | None:
    """The last epoch is the best one, by more than a hair."""
    if c.stale or c.excess[-1] > (1 - WORTH) * c.excess[-2]:
        return None
    how = (
        "Still improving" if c.running else f"{_HOW.get(c.ended_by, 'Ended while')} still improving"
    )
    if not c.recipe.validates:
        words = f"{how}, on the digits that it is trained on: training loss {_now(c)}."
        # It nearly always falls, up to the last digit learnt by heart: no reason for more epochs.
        return Verdict("improving", words, "Let it go on." if c.running else _UNSEEN)
    words = f"{how}: epoch {c.epoch[-1]} is the best so far, validation loss {_now(c)}."
    return Verdict("improving", words, go_on(c) + why_validation_is_better(c))


def _now(c: Curves) -> str:
    return loss_of(c.judged[-1])


_UNSEEN: Final = "Whether more epochs would help cannot be told from this."
_HOW: Final = {
    "last epoch": "Finished while",
    "by hand": "Stopped by hand while",
    "time limit": "Stopped by the time limit while",
    "pause limit": "Stopped after a long pause while",
    "fault": "Broken off by a fault while",
}


def _wavering(c: Curves) -> Verdict:
    """No rule applies: hardly better than before, or worse for an epoch or two."""
    if c.running:
        words = f"Hardly better than before: the {c.name} is {_now(c)}."
        if c.stale:
            words = f"The {c.name} is {_now(c)}, no better than before. {best_was(c)}"
        advice = "One epoch says little: wait for the next."
    elif c.excess[-1] > ABOVE_BEST * c.excess[c.best]:
        words = f"It ended off its best: the {c.name} is {_now(c)}. {best_was(c)}"
        advice = remedies.against_jumps(c.recipe, running=False)
    else:
        words = f"It ended where little was left to gain: {c.name} {_now(c)}. {best_was(c)}"
        advice = remedies.against_standstill(c.recipe, running=False)
    return Verdict("wavering", words, advice + why_validation_is_better(c))


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' * (count != 1)}"


RULES: Final[tuple[Callable[[Curves], Verdict | None], ...]] = (
    diverged,
    first_epoch,
    guessing,
    settling,
    _memorising,
    _one_epoch,
    _jumping,
    _overfitting,
    _levelled_off,
    _improving,
    _wavering,
)
"""In order: the first that applies speaks. The last always does."""
