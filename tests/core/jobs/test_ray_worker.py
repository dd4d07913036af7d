"""Trainings on a real Ray cluster, whose machines are processes here: faults, and what is said."""

import errno
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectReconstructionFailedError,
    OutOfMemoryError,
    RayError,
    WorkerCrashedError,
)

from core import ROOT
from core.jobs import engine, ray_worker, scheduler, submission
from core.runs import registry
from core.runs.cluster_room import cluster_room, write_cluster_room
from core.runs.locks import is_being_trained, training_process
from core.runs.messages import (
    EpochEnded,
    Event,
    Paused,
    Progress,
    RateChanged,
    Started,
    read_events,
)
from core.runs.mirror import FolderChanges
from core.runs.permissions import limits
from core.runs.run import Run
from core.utils.errors import ClusterError
from tests.conftest import dense_recipe
from tests.core.jobs import test_submission
from tests.helpers.processes import training_processes, wait_for
from tests.helpers.ray_machines import Machines

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("only_sample"), pytest.mark.timeout(480)]
ME = test_submission.ME
own, long_recipe = test_submission.own, test_submission.long_recipe


@pytest.fixture
def machines(own: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    """A cluster without a machine to train on, and a server that uses it."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    made = Machines()
    monkeypatch.setenv("DIGITSCOPE_ENGINE", "ray")
    monkeypatch.setenv("DIGITSCOPE_RAY_CPUS", "1")
    monkeypatch.setenv("RAY_ADDRESS", made.address)
    yield made
    for process in training_processes(own):
        process.kill()
    made.shutdown()


def events(run: Run, kind: type[Event]) -> list[Any]:
    return [event for event in read_events(run.folder) if isinstance(event, kind)]


def ended(run: Run) -> bool:
    scheduler.tick()  # as every page does
    return registry.find_run(run.id).info.status in {"finished", "stopped", "failed"}


def info(run: Run) -> Any:
    return registry.find_run(run.id).info


@pytest.mark.parametrize("shared", ["1", "0"])
def test_a_machine_is_lost_and_its_training_goes_on_at_another(
    machines: Machines, monkeypatch: pytest.MonkeyPatch, shared: str
) -> None:
    monkeypatch.setenv("DIGITSCOPE_RAY_SHARED_FOLDER", shared)
    first = machines.add()
    run = submission.submit(long_recipe(), token=ME)
    assert submission.job_state(run).name == "starting"
    wait_for(lambda: len(events(run, EpochEnded)) >= 2, "two epochs are done", 120)
    assert (run.folder / "trainer.lock").exists() == (shared == "1")
    assert cluster_room() == 1
    assert limits().trainings == 1
    submission.pause(run, token=ME)
    wait_for(lambda: events(run, Paused), "it pauses")
    submission.set_learning_rate(run, 0.01, token=ME)
    submission.run_one_epoch(run, token=ME)
    wait_for(lambda: len(events(run, Paused)) == 2, "it pauses after the epoch")
    assert events(run, RateChanged)[-1].learning_rate == 0.01
    submission.unpause(run, token=ME)
    done = len(events(run, EpochEnded))
    wait_for(lambda: len(events(run, EpochEnded)) > done, "it goes on")

    machines.kill(first)
    machines.add()
    wait_for(lambda: len(events(run, Started)) == 2, "another machine takes it up", 240)
    again = events(run, Started)[1]
    told = list(read_events(run.folder))
    before = told[: told.index(again)]
    last_epoch = max(event.epoch for event in before if isinstance(event, EpochEnded))
    # All epochs that anybody had seen end are kept: less than one is repeated.
    assert again.first_step >= last_epoch * again.steps
    # As long as the lost machine is counted, there would be room for one more.
    wait_for(lambda: cluster_room() == 1, "the lost machine is counted out")
    waiting = submission.submit(long_recipe(seed=2), token=ME)
    assert submission.job_state(waiting).name == "queued"
    process = training_process(run.folder)
    submission.stop(run, token=ME)
    wait_for(lambda: info(run).status != "running", "it stops")
    assert (info(run).status, info(run).ended_by) == ("stopped", "by hand")
    assert info(run).metrics["mnist-sample"].n == 1000
    # Nobody looks after the queue any more: the process itself goes on, on the same machine.
    wait_for(lambda: training_process(waiting.folder) == process, "the next one has its turn")
    wait_for(lambda: events(waiting, Progress), "and is trained", 120)
    submission.stop(waiting, token=ME)
    wait_for(lambda: ended(waiting), "it stops, too")


def test_the_process_here_is_lost_and_the_next_takes_the_shared_folder_over(
    machines: Machines,
) -> None:
    machines.add()
    run = submission.submit(long_recipe(), token=ME)
    wait_for(lambda: events(run, EpochEnded), "an epoch is done", 120)
    process = training_process(run.folder)
    assert process
    process.kill()
    wait_for(lambda: ended(run) or len(events(run, Started)) == 2, "it is taken up", 120)
    begun = len(events(run, EpochEnded))
    wait_for(lambda: len(events(run, EpochEnded)) > begun + 2, "and goes on", 120)
    submission.stop(run, token=ME)
    wait_for(lambda: ended(run), "it stops")
    assert info(run).status == "stopped"
    told = list(read_events(run.folder))
    again = events(run, Started)[1]
    after = [event for event in told[told.index(again) :] if isinstance(event, EpochEnded)]
    # Each epoch ends once there: the process before writes there no more.
    epochs = [event.epoch for event in after]
    assert epochs == list(range(epochs[0], epochs[0] + len(epochs)))


def test_the_head_is_lost_and_what_was_learned_is_kept(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "4")  # a minute, else
    machines.add()
    run = submission.submit(long_recipe(), token=ME)
    wait_for(lambda: events(run, EpochEnded), "an epoch is done", 120)
    machines.shutdown()
    wait_for(lambda: not is_being_trained(run.folder), "its process notices", 120)
    wait_for(lambda: ended(run), "somebody says so", 120)
    assert info(run).status == "failed"
    assert "There is no Ray cluster at" in info(run).error
    assert info(run).epochs_done >= 1
    info_of_run = registry.find_run(run.id)
    info_of_run.check_can_go_on()  # raises if it cannot be continued


def test_a_machine_without_memory_is_told_as_such(machines: Machines) -> None:
    full = {"RAY_memory_usage_threshold": "0.01", "RAY_memory_monitor_refresh_ms": "50"}
    machines.add(env_vars=full)
    run = submission.submit(long_recipe(), token=ME)
    wait_for(lambda: ended(run), "it is given up", 200)
    assert info(run).status == "failed"
    assert "ran out of memory" in info(run).error


SERVER = """
from core.jobs import submission
from tests.core.jobs.test_submission import ME, long_recipe
print(submission.submit(long_recipe(), token=ME).id)
"""


def test_the_training_outlives_its_server_and_obeys_the_next(machines: Machines) -> None:
    machines.add()
    server = subprocess.run(
        [sys.executable, "-c", SERVER], cwd=ROOT, check=True, capture_output=True, text=True
    )
    run = registry.find_run(server.stdout.split()[-1])
    wait_for(lambda: len(events(run, EpochEnded)) >= 2, "two epochs are done", 120)
    assert submission.job_state(registry.find_run(run.id)).name == "running"
    submission.stop(run, token=ME)
    wait_for(lambda: ended(run), "it stops")
    assert (info(run).status, info(run).ended_by) == ("stopped", "by hand")


@pytest.mark.parametrize("package", ["pandas", "tensorflow"])
def test_a_machine_that_lacks_a_package_is_told_as_such(
    machines: Machines, tmp_path: Path, package: str
) -> None:
    lacks = f"raise ModuleNotFoundError('No module named {package}', name='{package}')"
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / f"{package}.py").write_text(lacks)
    machines.add(env_vars={"PYTHONPATH": str(tmp_path / "packages")})
    run = submission.submit(long_recipe(), token=ME)
    wait_for(lambda: ended(run), "it is given up", 200)
    assert info(run).status == "failed"
    assert info(run).error.startswith(f"A machine of the cluster lacks the package {package}:")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ObjectReconstructionFailedError("", None, "", 0), "left the cluster"),
        (NodeDiedError("the node is dead"), "left the cluster"),
        (OutOfMemoryError("Task was killed"), "ran out of memory"),
        (WorkerCrashedError(), "ended from outside"),
    ],
)
def test_a_machine_that_is_lost_while_it_answers_is_told_as_such(
    error: RayError, sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def lost(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(ray, "get", lost)
    training = ray_worker.ClusterTraining.__new__(ray_worker.ClusterTraining)
    commands = FolderChanges(tmp_path, lambda _: False)
    with pytest.raises(ray_worker._MachineLostError, match=sentence):
        training._exchange(MagicMock(), commands, None)


def test_a_cluster_with_another_version_is_named(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "__version__", "2.1.0")
    with pytest.raises(ClusterError, match=r"another version of Ray or Python .* Ray 2\.1\.0"):
        ray_worker.connect()
    ray.shutdown()


def test_a_stop_before_there_is_a_machine_is_obeyed(machines: Machines) -> None:
    run = submission.submit(long_recipe(), token=ME)
    wait_for(lambda: is_being_trained(run.folder), "its process waits for a machine")
    submission.stop(run, token=ME)
    wait_for(lambda: ended(run), "it is stopped")
    assert (info(run).status, info(run).ended_by) == ("stopped", "by hand")


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("127.0.0.1:1", "There is no Ray cluster at 127.0.0.1:1."),
        ("ray://127.0.0.1:1", "There is no Ray cluster at ray://127.0.0.1:1."),
        ("my laptop", "no address of a Ray cluster: write HOST:PORT"),
        ("host:port", "no address of a Ray cluster: write HOST:PORT"),
        ("", "There is no Ray cluster on this machine, and RAY_ADDRESS is not set."),
    ],
)
def test_where_no_cluster_is_the_run_says_so_and_can_be_continued(
    address: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_worker, "_CONNECT_S", 0.0)
    monkeypatch.setattr(engine.RAY, "start", lambda folder: 1)
    monkeypatch.setenv("DIGITSCOPE_ENGINE", "ray")
    monkeypatch.setenv("RAY_ADDRESS", address)
    run = submission.submit(dense_recipe(), token=ME)
    ray_worker.main(run.folder)
    assert info(run).status == "failed"
    assert sentence in info(run).error


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("what", ["take_worker_lock", "ClusterTraining._train_on_a_machine"])
def test_a_disk_that_is_full_here_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def disk_full(*changes: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("DIGITSCOPE_ENGINE", "ray")
    monkeypatch.setattr(engine.RAY, "start", lambda folder: 1)
    monkeypatch.setattr(ray_worker, "connect", lambda: None)
    monkeypatch.setattr(ray_worker, "mnist_file", lambda: None)
    monkeypatch.setattr(f"core.jobs.ray_worker.{what}", disk_full)
    run = submission.submit(dense_recipe(), token=ME)
    ray_worker.main(run.folder)
    assert info(run).status == "failed"
    assert info(run).error.startswith("The disk is full, so the training ended.")


def test_the_limit_of_trainings_follows_the_cluster_unless_it_is_set(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.mkdir(exist_ok=True)
    assert write_cluster_room(7)
    assert not write_cluster_room(7)
    assert limits().trainings == 1  # this server trains by itself
    monkeypatch.setenv("DIGITSCOPE_ENGINE", "ray")
    assert limits().trainings == 7
    write_cluster_room(0)  # all machines are gone: one training waits for the next
    assert limits().trainings == 1
    monkeypatch.setenv("DIGITSCOPE_TRAININGS", "3")
    assert limits().trainings == 3
