"""Networks of runs, by the runs' names."""

from core.recipes.presets import PRESETS
from core.runs import registry
from core.runs.run import Network, Run

SHIPPED = sorted(PRESETS)
"""The runs that ship: one for each preset."""


def network_of(run: str, epoch: int | None = None) -> Network:
    """The network of the run of that name, finished or as it was after an epoch."""
    return Network(registry.find_run(run), epoch)


def weights(run: Run) -> bytes:
    """All weights of a run's network: two are equal to the last bit, or not."""
    from core.inference.predictor import load_model

    return b"".join(array.tobytes() for array in load_model(run).get_weights())
