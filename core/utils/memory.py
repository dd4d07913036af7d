"""How much memory is free: on the machine, or in the container that this program runs in."""

from pathlib import Path
from typing import Final

import psutil

_CGROUP: Final = Path("/sys/fs/cgroup")
_MB: Final = 1e6


def free_memory_mb() -> float:
    """Memory that programs can still take, in MB (10⁶ bytes).

    A container may take less than its machine has. Its limit is read where Linux tells it (control
    groups, version 2); what it keeps of files for convenience counts as free.
    """
    on_machine = psutil.virtual_memory().available / _MB
    in_container = _free_in_container_mb()
    return on_machine if in_container is None else min(on_machine, in_container)


def _free_in_container_mb() -> float | None:
    """None if there is no container, or it has no limit."""
    try:
        limit = int((_CGROUP / "memory.max").read_text())  # "max" where there is no limit
        used = int((_CGROUP / "memory.current").read_text())
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):
        return None
    parts = dict(line.split(maxsplit=1) for line in lines)
    return (limit - used + int(parts.get("inactive_file", 0))) / _MB
