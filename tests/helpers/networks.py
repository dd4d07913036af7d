"""Networks of runs, by the runs' names."""

from core.recipes.presets import PRESETS
from core.runs import registry
from core.runs.run import Network

SHIPPED = sorted(PRESETS)
"""The runs that ship: one for each preset."""


def network_of(run: str, epoch: int | None = None) -> Network:
    """The network of the run of that name, finished or as it was after an epoch."""
    return Network(registry.find_run(run), epoch)
