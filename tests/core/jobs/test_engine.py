"""The engine that trains on this machine: which processes it starts, keeps ready and ends."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import psutil
import pytest

from core import ROOT
from core.jobs import engine, scheduler, submission, worker
from core.jobs.engine import LocalEngine
from core.jobs.worker import TrainingProcess
from core.runs import registry
from core.runs.locks import is_being_trained, training_process, worker_lock
from core.training.trainer import train
from core.utils.errors import RunError
from tests.conftest import conv_recipe, dense_recipe
from tests.helpers.networks import weights
from tests.helpers.processes import training_processes, wait_for

ME = "my-browser"
HOLD_LOCK = """
import sys, time
from pathlib import Path
from core.runs.locks import take_worker_lock
lock = take_worker_lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def lock_holder(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the lock of a run's folder, as one that trains it does, and sleeps."""
    folder.mkdir()
    command = [sys.executable, "-c", HOLD_LOCK, str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def own(run_folders: tuple[Path, Path]) -> Iterator[Path]:
    """The folder for runs; at the end no process may be left that waits for one of them."""
    yield run_folders[1]
    for process in training_processes(run_folders[1]):
        process.kill()


def only_process(own: Path) -> psutil.Process:
    """The process that was started; for a moment, its command is still a copy of this one's."""
    wait_for(lambda: training_processes(own), "a process is there")
    (process,) = training_processes(own)
    return process


def test_a_training_is_ended_whoever_started_it_and_no_other(tmp_path: Path) -> None:
    training, other = (lock_holder(tmp_path / name) for name in ("run", "another-run"))
    try:
        assert training_process(tmp_path / "run").pid == training.pid
        LocalEngine().kill(tmp_path / "run")
        training.wait(10)
        assert training_process(tmp_path / "run") is None
        assert other.poll() is None
    finally:
        for process in (training, other):
            process.kill()
            process.wait(10)


def test_another_process_with_the_number_of_one_that_trained_is_left_alone(tmp_path: Path) -> None:
    holder = lock_holder(tmp_path / "run")
    try:
        earlier = {"pid": holder.pid, "started": psutil.Process(holder.pid).create_time() - 60}
        (tmp_path / "run" / "worker.pid").write_text(json.dumps(earlier))
        assert training_process(tmp_path / "run") is None
        LocalEngine().kill(tmp_path / "run")
        assert holder.poll() is None
    finally:
        holder.kill()
        holder.wait(10)


@pytest.mark.parametrize("content", ["", "[]", '{"pid": "x", "started": 1}'])
def test_a_damaged_number_of_a_process_names_none(tmp_path: Path, content: str) -> None:
    with worker_lock(tmp_path):
        (tmp_path / "worker.pid").write_text(content)
        assert is_being_trained(tmp_path)
        assert training_process(tmp_path) is None


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.usefixtures("only_sample")
def test_a_process_that_waits_trains_a_run_and_then_the_next(
    own: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    local = LocalEngine()
    for module in (engine, scheduler):
        monkeypatch.setattr(module, "LOCAL", local)
    local.start_warm_worker()
    local.start_warm_worker()  # there is one already
    waiting = only_process(own)
    recipes = [dense_recipe(), conv_recipe(seed=2)]
    runs = [submission.submit(recipe, token=ME) for recipe in recipes]
    assert [submission.job_state(run).name for run in runs] == ["starting", "queued"]
    assert not local.has_warm_worker
    for run in runs:
        wait_for(lambda run=run: training_process(run.folder) == waiting, "it trains the run")
        wait_for(lambda run=run: registry.find_run(run.id).info.status == "finished", "its end")
    wait_for(lambda: not local.tidy() and not waiting.is_running(), "nothing is left to train")
    for run, recipe in zip(runs, recipes, strict=True):
        # What a process has trained before changes nothing.
        alone = train(recipe, tmp_path / f"{run.id}-alone")
        assert weights(registry.find_run(run.id)) == weights(alone)
        assert "Traceback" not in (run.folder / "worker.log").read_text()


def test_a_process_that_waits_ends_with_the_one_that_started_it(own: Path) -> None:
    local = LocalEngine()
    local.start_warm_worker()
    waiting = only_process(own)
    local._warm.process.stdin.close()  # as the system does when a process ends
    waiting.wait(60)


class Started:
    """In place of `start_detached`: remembers what would have been started."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.processes: list[MagicMock] = []

    def __call__(self, command: list[str], log: object, stdin: object = None) -> MagicMock:
        self.commands.append(command[1:])
        self.processes.append(MagicMock(**{"poll.return_value": None}))
        return self.processes[-1]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """No process is really started."""
    fake = Started()
    monkeypatch.setattr(engine, "start_detached", fake)
    return fake


def test_the_process_that_waits_is_given_the_run(own: Path, started: Started) -> None:
    local = LocalEngine()
    local.start_warm_worker()
    token = local.start(own / "run")
    assert started.commands == [["-m", "core.jobs.worker", "--wait", str(own)]]
    (process,) = started.processes
    assert json.loads(process.stdin.write.call_args.args[0]) == str(own / "run")
    assert not local.has_ended(token)
    process.poll.return_value = -9
    assert local.has_ended(token)


@pytest.mark.parametrize("change", ["setting", "program", "it has ended", "it ends"])
def test_a_process_that_cannot_be_used_is_ended_and_another_trains(
    change: str, own: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = LocalEngine()
    local.start_warm_worker()
    (waiting,) = started.processes
    if change == "setting":
        monkeypatch.setenv("MNIST_NPZ", "another.npz")
    elif change == "program":
        monkeypatch.setattr(engine, "ROOT", program := own / "program")
        (program / "core").mkdir(parents=True)
        (program / "core" / "new.py").touch()
    elif change == "it has ended":
        waiting.poll.return_value = 1
    else:
        waiting.stdin.write.side_effect = BrokenPipeError
    (own / "run").mkdir()
    local.start(own / "run")
    assert started.commands[1:] == [["-m", "core.jobs.worker", str(own / "run")]]
    waiting.kill.assert_called_once()
    assert not local.has_warm_worker


@pytest.mark.usefixtures("own")
def test_after_a_process_that_waited_has_ended_by_itself_no_other_is_started(
    started: Started,
) -> None:
    local = LocalEngine()
    local.start_warm_worker()
    assert local.has_warm_worker
    started.processes[0].poll.return_value = 1  # TensorFlow could not be imported
    assert not local.has_warm_worker
    local.start_warm_worker()
    assert len(started.processes) == 1


class QueueOfOneProcess:
    """`core.jobs.worker` with a queue, in which a training only notes the name of its run."""

    def __init__(self, own: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        self._own, self._left = own, list(names)
        self._engine = LocalEngine()
        self.trained: list[str] = []
        monkeypatch.setattr(worker, "_print_into", lambda file: None)
        monkeypatch.setattr(worker, "advance", lambda: None)
        monkeypatch.setattr(worker, "tick", self._start_next)

    def _start_next(self) -> None:
        if self._left:
            name = self._left.pop(0)
            (self._own / name).mkdir()
            self._engine.start(self._own / name)

    def _train(self, folder: Path) -> None:
        self.trained.append(folder.name)
        if folder.name == "diverges":
            raise RunError("The training diverged.")
        if folder.name == "breaks":
            raise MemoryError

    def work(self) -> None:
        TrainingProcess(self._engine, self._train).work(self._own / "first")


def test_a_process_trains_on_after_a_training_that_failed_by_itself(
    own: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = QueueOfOneProcess(own, monkeypatch, "diverges", "third")
    queue.work()
    assert queue.trained == ["first", "diverges", "third"]
    assert started.commands == []


def test_after_an_unexpected_fault_another_process_trains_the_next(
    own: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = QueueOfOneProcess(own, monkeypatch, "breaks", "third")
    with pytest.raises(MemoryError):
        queue.work()
    assert queue.trained == ["first", "breaks"]
    assert started.commands == [["-m", "core.jobs.worker", str(own / "third")]]


def test_after_25_trainings_another_process_trains_the_next(
    own: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = QueueOfOneProcess(own, monkeypatch, *(f"run-{number}" for number in range(2, 30)))
    queue.work()
    assert queue.trained[-1] == "run-25"
    assert started.commands == [["-m", "core.jobs.worker", str(own / "run-26")]]


def test_a_process_of_an_earlier_program_trains_no_further_run(
    own: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = QueueOfOneProcess(own, monkeypatch, "second")
    stamps = iter([1, 2])
    monkeypatch.setattr(worker, "program_and_settings", lambda: next(stamps))
    queue.work()
    assert queue.trained == ["first"]
    assert started.commands == [["-m", "core.jobs.worker", str(own / "second")]]
