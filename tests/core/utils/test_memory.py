"""Free memory, of the machine and of a container."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from core.utils import memory


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which Linux tells a container's limits, on a machine with 8 GB free."""
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8e9))
    return tmp_path


def limit(container: Path, maximum: str) -> None:
    (container / "memory.max").write_text(f"{maximum}\n")
    (container / "memory.current").write_text("2000000000\n")
    stat = "anon 1500000000\nfile 500000000\ninactive_file 300000000\n"
    (container / "memory.stat").write_text(stat)


def test_a_container_has_what_its_limit_leaves_and_files_that_can_be_dropped(
    container: Path,
) -> None:
    limit(container, "2700000000")
    assert memory.free_memory_mb() == pytest.approx(1000)


@pytest.mark.parametrize("maximum", ["max", "64000000000"])
def test_a_container_has_no_more_than_its_machine(container: Path, maximum: str) -> None:
    limit(container, maximum)
    assert memory.free_memory_mb() == pytest.approx(8000)


@pytest.mark.usefixtures("container")
def test_without_a_container_the_machine_counts() -> None:
    assert memory.free_memory_mb() == pytest.approx(8000)
