"""The processes that train runs, and waiting for what they do."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil


def training_processes(own_runs: Path) -> list[psutil.Process]:
    """The processes whose command names this folder of runs."""
    processes = psutil.process_iter(["cmdline"])
    folder = str(own_runs)
    return [process for process in processes if folder in " ".join(process.info["cmdline"] or [])]


def wait_for(reached: Callable[[], object], goal: str, seconds: float = 90.0) -> None:
    """Wait until something is true; fail, naming the goal, if that takes too long."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {goal}"
        time.sleep(0.05)
