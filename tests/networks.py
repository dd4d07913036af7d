"""Networks of runs, by the runs' names."""

from core import runs
from core.runs import Network


def network_of(run: str, epoch: int | None = None) -> Network:
    """The network of the run of that name, finished or as it was after an epoch."""
    return Network(runs.find(run), epoch)
