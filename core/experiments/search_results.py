"""What the trainings of a search have reached, for its next proposal, its charts and its table."""

import math
from collections.abc import Sequence
from typing import Final

from core.experiments.experiment import TrialRun
from core.experiments.proposals import Training, TrainingState
from core.experiments.results import cached_history, value_of

_ENDED: Final[dict[str, TrainingState]] = {"pruned": "pruned", "finished": "finished"}


def trainings_of(runs: Sequence[TrialRun]) -> list[Training]:
    """What a search knows of its trainings.

    Args:
        runs: its trainings, from the first on.

    Returns:
        One for each. What was stopped, failed, diverged or was deleted has failed: it says nothing
        of its settings, but its settings need not be proposed again.
    """
    return [_training(trial_run) for trial_run in runs]


def _training(trial_run: TrialRun) -> Training:
    values = trial_run.trial.combination.values
    if not trial_run.has_ended:
        return Training(values)
    state = _ENDED.get(trial_run.status, "failed")
    losses = validation_losses(trial_run)
    loss = reached_loss(trial_run) if state == "finished" else None
    if not losses or (state == "finished" and loss is None):
        return Training(values, state="failed")
    return Training(values, losses, state, loss)


def validation_losses(trial_run: TrialRun) -> tuple[float, ...]:
    """The validation loss of each epoch that is done, up to the first that is no number."""
    history = cached_history(trial_run.run) if trial_run.run else None
    if history is None or "val_loss" not in history:
        return ()
    losses: list[float] = []
    for loss in history["val_loss"].tolist():
        if not math.isfinite(loss):
            break
        losses.append(float(loss))
    return tuple(losses)


def reached_loss(trial_run: TrialRun) -> float | None:
    """The validation loss of a finished training; None for others."""
    return value_of(trial_run.result, "validation loss", None) if trial_run.result else None


def best_first(runs: Sequence[TrialRun]) -> list[tuple[float, TrialRun]]:
    """The finished trainings of a search with their validation losses, the best first."""
    reached = [(reached_loss(trial_run), trial_run) for trial_run in runs]
    known = [(loss, trial_run) for loss, trial_run in reached if loss is not None]
    return sorted(known, key=lambda pair: pair[0])
