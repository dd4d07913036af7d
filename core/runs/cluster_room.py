"""How many trainings a cluster has room for, as its last training found it.

Only a process that is connected to the cluster can know. The processes that stand for trainings
there (`core.jobs.ray_worker`) write it beside the runs; the scheduler reads it, which is quick, and
needs no connection of its own.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Final

from core.runs.registry import own_folder
from core.utils.files import write_atomically

_UNKNOWN: Final = 1
"""Before the first training has looked: it goes ahead alone."""


def cluster_room() -> int:
    """Read how many trainings the cluster has room for; 1 before that is known."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        return max(int(json.loads(_file().read_bytes())["trainings"]), 1)
    return _UNKNOWN


def write_cluster_room(trainings: int) -> bool:
    """Write how many trainings the cluster has room for.

    Args:
        trainings: at the same time, those that are going on included.

    Returns:
        Whether it was another number before.
    """
    if cluster_room() == max(trainings, 1):
        return False
    content = json.dumps({"trainings": trainings}).encode()
    with suppress(OSError):  # then the number from before holds
        write_atomically(_file(), lambda file: file.write(content))
        return True
    return False


def _file() -> Path:
    return own_folder() / ".cluster.json"
