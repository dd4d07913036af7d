"""From the times of a few networks to what each kind of work takes: a small least-squares fit."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.optimize import nnls

from core.workload import KINDS, Kind, Work

# Seconds a unit on one two-core machine, fitted to the steps of 35 networks there, 16 of them drawn
# at random. Only their proportions count: what the measured networks leave open follows the rest.
TYPICAL: Final[dict[Kind, float]] = {
    "step": 8e-4,
    "layer": 4e-5,
    "first": 1e-11,
    "multiply": 7e-12,
    "dense": 1e-11,
    "touched": 8e-10,
    "curved": 1.2e-9,
    "norm": 3e-9,
    "dropout": 3e-9,
    "weight": 4.5e-9,
    "augmented": 4e-6,
}
# A measured time is taken to be good to some 5 %, a proportion to a factor of 2.
_TRUST: Final = 0.07


def fit_costs(works: Sequence[Work], seconds: Sequence[float]) -> dict[Kind, float]:
    """Seconds a unit of each kind of work, so that the sums agree with what was measured.

    The sum of squared *relative* errors is smallest, none is negative, and where the measurements
    say little, a cost keeps its typical proportion to the others. `seconds`: positive, one for
    each work. Raises ValueError if there is none.
    """
    if not works or len(works) != len(seconds):
        raise ValueError("fit_costs wants as many times as works, and at least one")
    typical = np.array([TYPICAL[kind] for kind in KINDS])
    amounts = np.array([[work[kind] for kind in KINDS] for work in works])
    n = len(KINDS)
    # The unknowns: each cost as a multiple of the typical one, and last the multiple of them all.
    measured = np.hstack(
        [amounts * typical / np.array(seconds)[:, None], np.zeros((len(works), 1))]
    )
    proportions = _TRUST * np.hstack([np.eye(n), -np.ones((n, 1))])
    matrix = np.vstack([measured, proportions])
    wanted = np.concatenate([np.ones(len(works)), np.zeros(n)])
    multiples = nnls(matrix, wanted)[0][:n]
    return {kind: float(cost) for kind, cost in zip(KINDS, multiples * typical, strict=True)}
