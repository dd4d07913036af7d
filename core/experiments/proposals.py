"""Which settings a search tries next, and which trainings it ends early: Optuna's algorithms.

Settings are proposed by TPE (Bergstra et al. 2011), trainings are pruned by asynchronous successive
halving (Li et al. 2020) or Hyperband (Li et al. 2018). Optuna keeps a study in a store of its own;
here each question is answered by a study in memory, made again from what the runs themselves say.
So there is no second record that could be locked, damaged, or disagree with the runs, and the same
search asks for the same settings on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from core.experiments.search import Dimension, Search
from core.experiments.settings import SettingValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.study import Study
    from optuna.trial import Trial

TrainingState = Literal["finished", "pruned", "failed", "open"]
_STUDY: Final = "search"
"""Hyperband chooses a training's bracket by the study's name and the training's number."""
_REDUCTION: Final = 3
_MOST_AT_RANDOM: Final = 10
_NEVER_PRUNED: Final = 4
"""So many trainings are compared with none: of two or three, all but the best would be pruned."""
_PRUNED_UNTIL: Final = 0.5
"""No training is pruned after this part of its epochs: little would be saved, and a result lost."""


@dataclass(frozen=True)
class Training:
    """What a search knows of one of its trainings.

    Attributes:
        values: of the settings, in the order of the search's dimensions.
        losses: the validation loss of each epoch that is done.
        state: "open" while it goes on, or if it is not to be looked at yet.
        loss: what it reached, if it finished: the lower the better.
    """

    values: tuple[SettingValue, ...]
    losses: tuple[float, ...] = ()
    state: TrainingState = "open"
    loss: float | None = None


def propose(search: Search, trainings: Sequence[Training]) -> tuple[SettingValue, ...]:
    """Propose the settings of the next training.

    Args:
        search: what is looked for.
        trainings: all that were proposed before it, in their order; what those that it must not
            know yet have reached is not looked at.

    Returns:
        A value for each dimension.

    Example:
        >>> from core.experiments.search import make_dimension, make_search
        >>> from core.recipes.presets import PRESETS
        >>> rates = make_dimension("optimizer.learning_rate", [0.001, 0.01])
        >>> len(propose(make_search(PRESETS["best"].recipe, [rates]), []))
        1
    """
    import optuna

    number = len(trainings)
    with _quiet():
        study = _replayed(search, trainings, search.known_before(number))
        study.sampler = optuna.samplers.TPESampler(
            seed=_seed(search, number),
            n_startup_trials=min(_MOST_AT_RANDOM, max(3, search.runs // 3)),
        )
        trial = study.ask(_distributions(search))
    return tuple(
        dimension.rounded(trial.params[dimension.setting]) for dimension in search.dimensions
    )


def should_prune(
    search: Search, trainings: Sequence[Training], number: int, losses: Sequence[float]
) -> bool:
    """Decide whether a training is ended after its present epoch.

    Args:
        search: whose training it is.
        trainings: all that were proposed, in their order.
        number: the place of the training in question, from 0.
        losses: its validation loss of each epoch so far.

    Returns:
        True if it does worse than those that it is compared with: of the trainings that were done
        before it was proposed, and reached as many epochs, it is not among the best third. The
        first four are never pruned, and none after half of its epochs.
    """
    last = int(_PRUNED_UNTIL * search.recipe.epochs)
    if search.pruning == "none" or number < _NEVER_PRUNED or not 0 < len(losses) <= last:
        return False
    with _quiet():
        study = _replayed(search, trainings[:number], search.known_before(number))
        trial = _asked(study, search, trainings[number].values)
        return _report(trial, losses)


def setting_importance(search: Search, trainings: Sequence[Training]) -> dict[str, float]:
    """How much each setting decides whether a training is among the best tenth.

    PED-ANOVA (Watanabe et al. 2023): how far the distribution of a setting's values among the best
    trainings differs from that among all.

    Args:
        search: what was looked for.
        trainings: all of its trainings.

    Returns:
        The part of each setting by its name, the largest first, together 1; empty if fewer than
        ten trainings are finished, or none matters.
    """
    finished = tuple(training for training in trainings if training.state == "finished")
    if len(finished) < _MOST_AT_RANDOM or len(search.dimensions) == 1:
        return {}
    return dict(_importance(search, finished))


@lru_cache(maxsize=64)  # a page asks at each rerun
def _importance(search: Search, finished: tuple[Training, ...]) -> Mapping[str, float]:
    import optuna

    with _quiet():
        study = _replayed(search, finished, len(finished), prune=False)
        parts = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
        )
    known = {name: float(part) for name, part in parts.items() if np.isfinite(part)}
    return known if sum(known.values()) > 0 else {}


def _replayed(
    search: Search, trainings: Sequence[Training], known: int, *, prune: bool = True
) -> Study:
    """A study that has seen the first trainings, and knows of the others that they go on."""
    import optuna

    study = optuna.create_study(
        study_name=_STUDY,
        sampler=optuna.samplers.RandomSampler(seed=0),  # never asked: all values are given
        pruner=_pruner(search) if prune else optuna.pruners.NopPruner(),
    )
    for place, training in enumerate(trainings):
        trial = _asked(study, search, training.values)
        if place >= known or training.state == "open":
            continue
        _report(trial, training.losses)
        if training.state == "finished" and training.loss is not None:
            study.tell(trial, training.loss)
        elif training.state == "pruned" and training.losses:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return study


def _asked(study: Study, search: Search, values: Sequence[SettingValue]) -> Trial:
    """A trial of the study with given values."""
    study.enqueue_trial(dict(zip(search.settings, values, strict=True)))
    return study.ask(_distributions(search))


def _report(trial: Trial, losses: Sequence[float]) -> bool:
    """Tell a trial its losses, epoch by epoch, and return whether it is pruned by then.

    The pruner is asked at each epoch: it notes at which of its rungs a trial has arrived. A process
    that died before it could ask leaves the answer to the next epoch.
    """
    pruned = False
    for epoch, loss in enumerate(losses, start=1):
        trial.report(loss, epoch)
        pruned = trial.should_prune() or pruned
    return pruned


def _distributions(search: Search) -> dict[str, BaseDistribution]:
    return {dimension.setting: _distribution(dimension) for dimension in search.dimensions}


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if dimension.variable.kind == "choice":
        return CategoricalDistribution(list(dimension.values))
    low, high = dimension.bounds
    if dimension.variable.kind == "whole number":
        return IntDistribution(int(low), int(high), log=dimension.logarithmic)
    return FloatDistribution(low, high, log=dimension.logarithmic)


def _pruner(search: Search) -> BasePruner:
    import optuna

    if search.pruning == "Hyperband":
        return optuna.pruners.HyperbandPruner(
            min_resource=1, max_resource=search.recipe.epochs, reduction_factor=_REDUCTION
        )
    if search.pruning == "successive halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=_REDUCTION)
    return optuna.pruners.NopPruner()


def _seed(search: Search, number: int) -> int:
    """A seed of its own for each proposal: the same one would draw the same numbers each time."""
    return int(np.random.SeedSequence([search.recipe.seed, number]).generate_state(1)[0])


@contextmanager
def _quiet() -> Iterator[Any]:
    """Keep away Optuna's log, a line for each trial of a replay, and its remarks on new parts."""
    import warnings

    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
