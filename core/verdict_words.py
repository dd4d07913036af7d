"""How a verdict on a training speaks: its parts, and the phrases that several rules share."""

from dataclasses import dataclass
from typing import Literal

from core.architectures import Dropout
from core.learning_curves import Curves
from core.recipes import Recipe
from core.remedies import has

Kind = Literal[
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
class Verdict:
    """What the curves say. `kind` names the rule, `advice` is one thing to do or to know."""

    kind: Kind
    headline: str
    advice: str


def loss_of(value: float) -> str:
    """A loss with as many digits as can be told apart: 2.30, 0.413, 0.0287."""
    return f"{value:.{2 if value >= 1 else 3 if value >= 0.1 else 4}f}"


def best_was(c: Curves) -> str:
    """Which epoch was the best, and how low its loss: a sentence."""
    return f"The best was epoch {c.epoch[c.best]}, at {loss_of(c.judged[c.best])}."


def go_on(c: Curves) -> str:
    """The plainest advice: let it go on, or give more epochs to what has ended."""
    if c.running:
        return "Let it go on."
    if c.recipe.schedule.kind == "one-cycle" and c.ended_by == "last epoch":
        # Its learning rate has come down to almost nothing: going on from here changes little.
        return "Train it again with more epochs, for one-cycle to spread over."
    return "Continue it: more epochs would help."


def notes(c: Curves) -> str:
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


def why_validation_is_better(c: Curves) -> str:
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
    if has(recipe, Dropout):
        names.append("dropout")
    if recipe.augmentation.active:
        names.append("augmentation")
    return " and ".join(names)
