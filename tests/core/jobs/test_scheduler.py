"""When a process is kept ready for the next training."""

from pathlib import Path
from unittest.mock import MagicMock

import pytest

from core.jobs import scheduler
from core.jobs.scheduler import expect_training, prepare_worker
from core.runs.writer import RunWriter
from tests.conftest import dense_recipe, provenance


class Ready:
    """In place of the engine of this machine: notes whether a process is ready."""

    has_warm_worker = False

    def start_warm_worker(self) -> None:
        self.has_warm_worker = True

    def end_warm_worker(self) -> None:
        self.has_warm_worker = False


@pytest.fixture
def ready(run_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Ready:
    """No process is there yet, and 4 GB of memory are free."""
    fake = Ready()
    monkeypatch.setattr(scheduler, "LOCAL", fake)
    monkeypatch.setattr(scheduler, "_last_wanted", -1e9)
    free_memory(monkeypatch, 4000)
    return fake


def free_memory(monkeypatch: pytest.MonkeyPatch, megabytes: float) -> None:
    monkeypatch.setattr(scheduler, "free_memory_mb", lambda: megabytes)


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = scheduler.time.monotonic()
    monkeypatch.setattr(scheduler.time, "monotonic", lambda: now + seconds)


def test_a_process_is_ready_while_somebody_may_train(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_worker()
    assert not ready.has_warm_worker  # nobody is on the training page
    expect_training()
    prepare_worker()
    assert ready.has_warm_worker
    later(monkeypatch, 14 * 60)
    prepare_worker()
    assert ready.has_warm_worker
    later(monkeypatch, 2 * 60)
    prepare_worker()
    assert not ready.has_warm_worker


def test_it_goes_when_the_memory_is_needed(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    expect_training()
    free_memory(monkeypatch, 1400)
    prepare_worker()
    assert not ready.has_warm_worker
    free_memory(monkeypatch, 1600)
    prepare_worker()
    assert ready.has_warm_worker
    free_memory(monkeypatch, 600)
    prepare_worker()
    assert ready.has_warm_worker
    free_memory(monkeypatch, 400)
    prepare_worker()
    assert not ready.has_warm_worker


@pytest.mark.parametrize(
    ("name", "value"), [("DIGITSCOPE_WARM_WORKER", "0"), ("DIGITSCOPE_ENGINE", "ray")]
)
def test_none_is_ready_where_a_setting_says_so(
    ready: Ready, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    expect_training()
    prepare_worker()
    assert not ready.has_warm_worker


@pytest.mark.parametrize("status", ["queued", "running"])
def test_none_is_prepared_beside_a_training(
    ready: Ready, run_folders: tuple[Path, Path], status: str
) -> None:
    writer = RunWriter(run_folders[1] / "mine", dense_recipe(), provenance())
    writer.update(status=status)
    writer.close()
    expect_training()
    prepare_worker()
    assert not ready.has_warm_worker


def test_none_is_prepared_while_the_machine_is_measured(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    measuring = MagicMock(**{"poll.return_value": None})
    monkeypatch.setattr(scheduler, "_benchmarks", [measuring])
    expect_training()
    prepare_worker()
    assert not ready.has_warm_worker
    measuring.poll.return_value = 0
    prepare_worker()
    assert ready.has_warm_worker
