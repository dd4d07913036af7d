"""Trainings of visitors, in real processes: queue, ownership, faults."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from core.jobs import scheduler, submission
from core.jobs.engine import LOCAL
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.locks import is_being_trained, training_process
from core.runs.permissions import read_card, write_card
from core.runs.run import Run
from core.utils.errors import JobError, RecipeError, RunError
from tests.conftest import dense_recipe
from tests.helpers.processes import training_processes, wait_for

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("only_sample"), pytest.mark.timeout(240)]
ME, OTHER = "my-browser", "another-browser"


class NoEngine:
    """Starts nothing: for what has to do with the queue alone."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.over: set[int] = set()

    def start(self, folder: Path) -> int:
        self.started.append(folder.name)
        return len(self.started)

    def has_ended(self, process_token: int) -> bool:
        return process_token in self.over

    def kill(self, folder: Path) -> None:
        raise AssertionError("nothing was started")

    def tidy(self) -> None:
        pass


@pytest.fixture
def own(run_folders: tuple[Path, Path]) -> Iterator[Path]:
    """The folder for runs; at the end no process may be left that trains one of them."""
    yield run_folders[1]
    for process in workers():
        process.kill()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> NoEngine:
    """No process is started in this test."""
    fake = NoEngine()
    for name in ("start", "has_ended", "kill", "tidy"):
        monkeypatch.setattr(LOCAL, name, getattr(fake, name))
    return fake


def workers() -> list[psutil.Process]:
    """The processes that train runs of this test."""
    return training_processes(registry.own_folder())


def none_is_left_to_bury(pids: set[int]) -> bool:
    scheduler.tick()
    return not any(psutil.pid_exists(pid) for pid in pids)


def long_recipe(**changes: object) -> Recipe:
    """A training that is not over before it is stopped."""
    return dense_recipe(epochs=50, batch_size=16, **changes)


def status(run: Run) -> str:
    return registry.find_run(run.id).info.status


def log(run: Run) -> str:
    file = run.folder / "events.jsonl"
    return file.read_text() if file.exists() else ""


# Each process spends seconds on TensorFlow. That a training comes to its
# last epoch, and is continued for more, is shown in `tests/browser/test_train.py`.
@pytest.mark.usefixtures("own")
def test_a_training_in_a_process_of_its_own_is_killed_paused_and_stopped() -> None:
    run = submission.submit(long_recipe(), token=ME, preset="fast")
    second = submission.submit(dense_recipe(seed=2), token=ME)
    states = [submission.job_state(submitted).name for submitted in (run, second)]
    assert states == ["starting", "queued"]
    assert submission.job_state(second).queue_position == 1
    wait_for(lambda: '"EpochEnded"' in log(run), "an epoch is done")
    (process,) = workers()
    pids = {process.pid}
    assert process.nice() > psutil.Process().nice()  # pages go first
    process.send_signal(signal.SIGKILL)
    wait_for(lambda: not is_being_trained(run.folder), "the lock is free")
    assert submission.job_state(registry.find_run(run.id)).name == "interrupted"
    scheduler.tick()
    wait_for(lambda: log(run).count('"Started"') == 2, "it goes on")
    (process,) = workers()
    pids.add(process.pid)
    started = next(line for line in reversed(log(run).splitlines()) if '"Started"' in line)
    assert '"first_step": 0' not in started
    submission.pause(run, token=ME)
    wait_for(lambda: '"Paused"' in log(run), "it pauses")
    epochs = log(run).count('"EpochEnded"')
    submission.set_learning_rate(run, 0.01, token=ME)
    submission.run_one_epoch(run, token=ME)
    wait_for(lambda: log(run).count('"Paused"') == 2, "it pauses after the epoch")
    assert log(run).count('"EpochEnded"') == epochs + 1
    assert '"RateChanged"' in log(run)
    submission.stop(run, token=ME)
    assert submission.job_state(registry.find_run(run.id)).name == "stopping"
    # Nobody looks after the queue any more: the process itself goes on with the next training.
    wait_for(lambda: training_process(second.folder) == process, "the next training begins")
    wait_for(lambda: not workers(), "nothing is left to train")
    assert registry.find_run(second.id).info.status == "finished"
    wait_for(lambda: none_is_left_to_bury(pids), "nothing of it is in the system's table")
    info = registry.find_run(run.id).info
    assert (info.status, info.ended_by, info.epochs_done >= 1) == ("stopped", "by hand", True)
    assert info.model_sha256
    assert (info.preset, info.provenance.n_train) == ("fast", 4000)
    assert info.metrics["mnist-sample"].n == 1000


@pytest.mark.usefixtures("own")
def test_thirty_presses_start_one_training_and_let_two_wait(engine: NoEngine) -> None:
    refused = 0
    for seed in range(30):
        try:
            submission.submit(dense_recipe(seed=seed), token=ME)
        except JobError as error:
            assert "are in the queue" in str(error)  # noqa: PT017
            refused += 1
    assert (len(engine.started), len(scheduler.queue()), refused) == (1, 2, 28)
    # What is started counts as waiting only until it runs; others may still queue.
    assert submission.submit(dense_recipe(), token=OTHER).info.status == "queued"


@pytest.mark.usefixtures("own")
def test_a_double_click_is_one_training(engine: NoEngine) -> None:
    first = submission.submit(dense_recipe(), token=ME)
    assert submission.submit(dense_recipe(), token=ME).id == first.id
    assert submission.submit(dense_recipe(), token=OTHER).id != first.id
    assert engine.started == [first.id]


@pytest.mark.usefixtures("engine")
def test_only_the_browser_that_started_a_training_may_change_it(own: Path) -> None:
    run = submission.submit(dense_recipe(), token=ME)
    for call in (
        submission.stop,
        submission.pause,
        submission.unpause,
        submission.run_one_step,
        submission.run_one_epoch,
    ):
        with pytest.raises(JobError, match="Only the browser that started"):
            call(run, token=OTHER)
    with pytest.raises(JobError, match="Only the browser that started"):
        submission.set_learning_rate(run, 0.1, token=OTHER)
    with pytest.raises(JobError, match="Only the browser that started"):
        submission.resume_training(run, token=OTHER, epochs=2)
    assert ME not in (own / run.id / "job.json").read_text()
    with pytest.raises(RecipeError, match="learning_rate"):
        submission.set_learning_rate(run, 7.0, token=ME)


@pytest.mark.usefixtures("own", "engine")
def test_a_run_that_waits_can_be_taken_out_of_the_queue() -> None:
    first, second, third = (
        submission.submit(dense_recipe(seed=k), token=f"t{k}") for k in range(3)
    )
    assert [run.id for run in scheduler.queue()] == [first.id, second.id, third.id]
    submission.stop(second, token="t1")
    assert status(second) == "stopped"
    assert submission.job_state(registry.find_run(third.id)).queue_position == 1


@pytest.mark.usefixtures("own")
def test_more_trainings_at_once_where_the_server_allows_it(
    engine: NoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITSCOPE_TRAININGS", "2")
    submitted = [submission.submit(dense_recipe(seed=k), token=f"t{k}") for k in range(3)]
    assert engine.started == [run.id for run in submitted[:2]]


@pytest.mark.usefixtures("own", "engine")
def test_limits_of_a_public_server_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSCOPE_PUBLIC", "1")
    with pytest.raises(RecipeError, match="at most 10 epochs"):
        submission.submit(dense_recipe(epochs=11), token=ME)
    run = submission.submit(dense_recipe(epochs=10), token=ME)
    assert read_card(run.folder).max_seconds == 15 * 60


@pytest.mark.usefixtures("own")
def test_a_process_that_never_gets_going_is_tried_three_times(engine: NoEngine) -> None:
    run = submission.submit(dense_recipe(), token=ME)
    for starts in (2, 3):
        card = read_card(run.folder)
        write_card(run.folder, card.model_copy(update={"started_at": time.time() - 61}))
        scheduler.tick()
        assert len(engine.started) == starts
    card = read_card(run.folder)
    write_card(run.folder, card.model_copy(update={"started_at": time.time() - 61}))
    scheduler.tick()
    info = registry.find_run(run.id).info
    assert (info.status, len(engine.started)) == ("failed", 3)
    assert "ended from outside" in info.error


@pytest.mark.usefixtures("own")
def test_an_earlier_start_that_ended_says_nothing_of_a_later_one(engine: NoEngine) -> None:
    run = submission.submit(dense_recipe(), token=ME)
    engine.over.add(1)  # it ended ...
    scheduler.update_run(run, read_card(run.folder), status="finished", epochs_done=1)
    submission.resume_training(run, token=ME, epochs=2)  # ... and is started again, by whomever
    scheduler.tick()
    scheduler.tick()
    assert engine.started == [run.id, run.id]


@pytest.mark.usefixtures("own")
def test_a_run_that_cannot_be_written_does_not_keep_the_others_waiting(
    engine: NoEngine, own: Path
) -> None:
    bad = submission.submit(dense_recipe(), token="somebody")
    scheduler.update_run(bad, read_card(bad.folder), status="running")
    (own / bad.id / "job.json").unlink()
    (own / bad.id / "job.json").mkdir()
    run = submission.submit(dense_recipe(seed=1), token=ME)
    assert run.id in engine.started


@pytest.mark.usefixtures("own")
def test_a_training_that_gets_on_is_taken_up_as_often_as_it_is_killed(engine: NoEngine) -> None:
    run = submission.submit(dense_recipe(), token=ME)
    for _ in range(5):
        (run.folder / "checkpoint.npz").write_bytes(b"later than its start")
        scheduler.update_run(run, read_card(run.folder), status="running")
        scheduler.tick()
        run = registry.find_run(run.id)
    assert (len(engine.started), run.info.status) == (6, "queued")


@pytest.mark.usefixtures("own", "engine")
def test_all_visitors_together_may_queue_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_WAITING", "3")
    for k in range(3):
        submission.submit(dense_recipe(seed=k), token=f"t{k}")
    with pytest.raises(JobError, match="in this server's queue"):
        submission.submit(dense_recipe(seed=9), token=ME)


@pytest.mark.usefixtures("own", "engine")
def test_room_is_kept_for_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSCOPE_DISK_MB", "10")
    refused = 0
    for k in range(12):
        try:
            submission.submit(dense_recipe(seed=k), token=f"t{k}")
        except JobError:
            refused += 1
    assert 3 < len(scheduler.queue()) < 9  # each will take a little more than 1 MB
    assert refused == 12 - len(scheduler.queue())


@pytest.mark.usefixtures("own", "engine")
def test_continuing_has_a_time_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_MINUTES", "2")
    run = submission.submit(dense_recipe(), token=ME)
    ended = {"status": "stopped", "ended_by": "time limit", "seconds": 120.5}
    scheduler.update_run(run, read_card(run.folder), **ended)
    submission.resume_training(run, token=ME, epochs=2)
    assert read_card(run.folder).max_seconds == 240.5


@pytest.mark.usefixtures("own")
def test_servers_that_share_a_folder_start_a_training_once(engine: NoEngine) -> None:
    run = submission.submit(dense_recipe(), token=ME)
    later = submission.submit(dense_recipe(seed=1), token=ME)
    scheduler.update_run(run, read_card(run.folder), status="finished")
    with ThreadPoolExecutor(8) as servers:
        for done in [servers.submit(scheduler.tick) for _ in range(40)]:
            done.result()
    assert engine.started == [run.id, later.id]


@pytest.mark.usefixtures("own")
def test_another_server_takes_up_at_once_what_was_broken_off(engine: NoEngine) -> None:
    run = submission.submit(dense_recipe(), token=ME)
    scheduler.update_run(run, read_card(run.folder), status="running")
    scheduler.tick()
    assert engine.started == [run.id, run.id]
    assert read_card(run.folder).attempts == 2


@pytest.mark.usefixtures("own", "engine")
def test_a_run_of_the_command_line_that_was_killed_is_not_started_by_itself() -> None:
    run = submission.submit(dense_recipe(), token=ME)
    (run.folder / "job.json").unlink()
    scheduler.update_run(run, read_card(run.folder), status="running")
    scheduler.tick()
    info = registry.find_run(run.id).info
    assert info.status == "failed"
    assert "ended from outside" in info.error


@pytest.mark.usefixtures("engine")
def test_a_run_deleted_in_another_tab_is_told_in_a_sentence(own: Path) -> None:
    run = submission.submit(dense_recipe(), token=ME)
    (own / run.id).rename(own.parent / "gone")
    for call in (submission.stop, submission.pause):
        with pytest.raises(RunError, match="There is no run"):
            call(run, token=ME)
    scheduler.tick()


@pytest.mark.usefixtures("engine")
def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = own.parent / "a-file"
    file.write_text("")
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(file))
    with pytest.raises(JobError, match="folder for runs cannot be written"):
        submission.submit(dense_recipe(), token=ME)
