"""The engine that trains on this machine: which processes it ends."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from core.jobs.scheduler import LocalEngine


def sleeping_program(tmp_path: Path, module: str, folder: Path) -> psutil.Process:
    """A process that is called like a training of the run in `folder`, and only sleeps."""
    file = tmp_path.joinpath(*module.split(".")).with_suffix(".py")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("import time; time.sleep(60)")
    process = subprocess.Popen([sys.executable, "-m", module, str(folder.resolve())], cwd=tmp_path)
    started = psutil.Process(process.pid)
    deadline = time.monotonic() + 30
    while module not in started.cmdline():  # for a moment it is still a copy of this one
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return started


# The second is what the program was called in the version before: a training that was started
# before an update goes on after it.
@pytest.mark.parametrize("module", ["core.jobs.worker", "core.worker"])
def test_a_training_is_ended_whoever_started_it_and_no_other(tmp_path: Path, module: str) -> None:
    training = sleeping_program(tmp_path, module, tmp_path / "run")
    other = sleeping_program(tmp_path, module, tmp_path / "another-run")
    try:
        LocalEngine().kill(tmp_path / "run")
        training.wait(10)
        assert other.is_running()
        assert other.status() != psutil.STATUS_ZOMBIE
    finally:
        for process in (training, other):
            if process.is_running():
                process.kill()
                process.wait(10)
