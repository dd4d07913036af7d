"""Networks of runs, by the runs' names."""

from core.runs import registry
from core.runs.run import Network


def network_of(run: str, epoch: int | None = None) -> Network:
    """The network of the run of that name, finished or as it was after an epoch."""
    return Network(registry.find_run(run), epoch)
