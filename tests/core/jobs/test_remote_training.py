"""A training on another machine: what it writes comes back, and commands arrive there."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.jobs import submission
from core.jobs.remote_training import (
    MirroredFolder,
    RemoteNews,
    RemoteTraining,
    SharedFolder,
    sees_folder,
)
from core.runs import registry
from core.runs.locks import read_process, take_worker_lock
from core.runs.messages import COMMANDS_FILE, read_events, send_command
from core.runs.mirror import FolderChanges, apply_changes
from core.runs.run import Run
from core.runs.writer import ResumedWriter
from core.training.trainer import resume_training
from core.utils.errors import RunError
from tests.conftest import dense_recipe
from tests.core.jobs import test_submission

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("only_sample", "engine")]
ME, OTHER = test_submission.ME, test_submission.OTHER
engine = test_submission.engine
own = test_submission.own


def submitted(token: str, **changes: object) -> Run:
    return submission.submit(dense_recipe(**changes), token=token)


def mirrored(run: Run) -> RemoteTraining:
    folder = MirroredFolder(run.id, FolderChanges(run.folder).read())
    return RemoteTraining(folder, None)


def shared(run: Run) -> RemoteTraining:
    return RemoteTraining(SharedFolder(run.folder), None)


def followed(
    run: Run, remote: RemoteTraining, *, prunes: bool = False, pruned_after: int = 99
) -> int:
    """Train, and bring everything back; how often it asked whether it is pruned."""
    thread = threading.Thread(target=remote.train, args=(0.0, 600.0), kwargs={"prunes": prunes})
    thread.start()
    asked, answer, alive = 0, None, True
    while alive:
        alive = thread.is_alive()
        news = remote.exchange([], answer)
        apply_changes(run.folder, news.changes)
        answer = None
        if news.asks_to_prune:
            asked += 1
            answer = asked >= pruned_after
        time.sleep(0.02)
    thread.join()
    return asked


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("place", [mirrored, shared])
def test_the_folder_is_what_a_training_here_would_have_left(
    place: Callable[[Run], RemoteTraining],
) -> None:
    run, same = submitted(ME, epochs=3), submitted(OTHER, epochs=3)
    with take_worker_lock(run.folder):  # as the server's process does
        remote = place(run)
        followed(run, remote)
    remote.close()
    here = resume_training(ResumedWriter(same))
    there = registry.read_run(run.folder)
    assert there.info.status == "finished"
    assert there.info.model_sha256
    columns = ["epoch", "loss", "accuracy", "val_loss"]
    assert there.history()[columns].equals(here.history()[columns])  # to the last bit
    assert there.info.metrics["mnist-sample"].accuracy == here.info.metrics["mnist-sample"].accuracy
    assert [type(event).__name__ for event in read_events(run.folder)][-1] == "Ended"


@pytest.mark.usefixtures("own")
def test_a_command_reaches_the_training_and_it_stops() -> None:
    run = submitted(ME, epochs=50, batch_size=16)
    commands = FolderChanges(run.folder, lambda name: name == COMMANDS_FILE)
    remote = mirrored(run)
    thread = threading.Thread(target=remote.train, args=(0.0, 600.0), kwargs={"prunes": False})
    thread.start()
    deadline = time.monotonic() + 120
    while not any(type(event).__name__ == "EpochEnded" for event in read_events(run.folder)):
        assert time.monotonic() < deadline
        apply_changes(run.folder, remote.exchange([], None).changes)
        time.sleep(0.05)
    send_command(run.folder, "stop")
    news: RemoteNews = remote.exchange(commands.read(), None)
    thread.join(60)
    apply_changes(run.folder, [*news.changes, *remote.exchange([], None).changes])
    info = registry.read_run(run.folder).info
    assert (info.status, info.ended_by) == ("stopped", "by hand")
    assert 1 <= info.epochs_done < 50


@pytest.mark.usefixtures("own")
def test_after_each_epoch_it_asks_and_waits_whether_its_search_ends_it() -> None:
    run = submitted(ME, epochs=6)
    remote = mirrored(run)
    assert followed(run, remote, prunes=True, pruned_after=3) == 3
    info = registry.read_run(run.folder).info
    assert (info.status, info.ended_by, info.epochs_done) == ("stopped", "pruning", 3)


def test_a_training_goes_on_elsewhere_from_what_was_brought_back(own: Path) -> None:
    whole = submitted(ME, epochs=4)
    followed(whole, mirrored(whole))
    run = submitted(OTHER, epochs=4)
    first = mirrored(run)
    thread = threading.Thread(target=first.train, args=(0.0, 600.0), kwargs={"prunes": True})
    thread.start()
    deadline = time.monotonic() + 120
    asked, answer = 0, None
    while asked < 2:  # two epochs; then this machine is gone, and what it does later is lost
        assert time.monotonic() < deadline
        news = first.exchange([], answer)
        apply_changes(run.folder, news.changes)
        asked += news.asks_to_prune
        answer = False if news.asks_to_prune else None
        time.sleep(0.02)
    first.exchange([], True)
    thread.join(60)
    followed(run, mirrored(run))
    assert registry.read_run(run.folder).info.status == "finished"
    columns = ["epoch", "loss", "accuracy", "val_loss"]
    assert registry.read_run(run.folder).history()[columns].equals(whole.history()[columns])
    assert own.is_dir()


def test_a_machine_sees_the_very_folder_whose_lock_is_held(own: Path, tmp_path: Path) -> None:
    run, other = submitted(ME), submitted(OTHER)
    with take_worker_lock(run.folder), take_worker_lock(other.folder):
        process = read_process(run.folder)
        assert sees_folder(run.folder, process)
        assert not sees_folder(tmp_path / run.id, process)  # none of this path
        assert not sees_folder(run.folder, process + b" ")  # another folder at this path
        os.chown(run.folder, os.getuid() + 1, -1)
        assert not sees_folder(run.folder, process)  # what is written there would be another user's
        os.chown(run.folder, os.getuid(), -1)
    assert not sees_folder(run.folder, process)  # locks of other machines are not told
    assert own.is_dir()


@pytest.mark.usefixtures("own")
def test_two_processes_do_not_train_in_a_shared_folder() -> None:
    run = submitted(ME)
    first = SharedFolder(run.folder)
    with pytest.raises(RunError, match="still being trained by another machine"):
        SharedFolder(run.folder, lease_s=0.1)
    waits = threading.Thread(target=lambda: SharedFolder(run.folder, lease_s=20).close())
    waits.start()
    time.sleep(0.3)
    assert waits.is_alive()
    first.close()
    waits.join(10)
    assert not waits.is_alive()


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("is_asked", [True, False])
def test_a_process_that_nobody_asks_ends_itself(is_asked: bool) -> None:
    run = submitted(ME)
    ended = threading.Event()
    folder = SharedFolder(run.folder, lease_s=0.5, end_process=ended.set)
    writer = folder.open()
    for _ in range(15):
        time.sleep(0.1)
        if is_asked:
            folder.exchange([])
    assert ended.is_set() != is_asked
    writer.close()
    folder.close()
