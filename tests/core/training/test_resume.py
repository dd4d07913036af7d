"""A training that is stopped, killed or paused goes on as if nothing had happened."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core import ROOT
from core.inference.predictor import load_model
from core.recipes.recipe import Optimizer, Recipe
from core.runs import locks, messages, registry
from core.runs.messages import (
    Ended,
    EpochEnded,
    Event,
    Paused,
    Progress,
    RateChanged,
    Resumed,
    Started,
)
from core.runs.run import Run
from core.runs.writer import ResumedWriter, RunWriter
from core.training import callbacks
from core.training.callbacks import StopTraining, TimeLimits
from core.training.trainer import resume_training, train
from core.utils.errors import RunError
from tests.conftest import Trained, conv_recipe, dense_recipe, forget_full_mnist, provenance
from tests.helpers.networks import weights

FIGURES = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "steps"]
pytestmark = [pytest.mark.long, pytest.mark.usefixtures("only_sample")]


def careful_recipe(**changes: object) -> Recipe:
    """Everything that a checkpoint has to keep: Adam, dropout, batch norm, warps, a schedule."""
    layers = [
        {"kind": "flatten"},
        {"kind": "dense", "units": 16},
        {"kind": "batch-norm"},
        {"kind": "dropout", "rate": 0.2},
        {"kind": "dense", "units": 10, "activation": "softmax"},
    ]
    fields = {
        "architecture": {"layers": layers},
        "augmentation": {"rotation": 10},
        "schedule": {"kind": "one-cycle"},
        "validation_split": 0.1,
        "epochs": 3,
        "seed": 5,
    }
    return dense_recipe(**{**fields, **changes})


def told(events: list[Event], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


def stop_at(epoch: int, step: int, events: list[Event] | None = None):
    def on_event(event: Event) -> None:
        if events is not None:
            events.append(event)
        if isinstance(event, Progress) and (event.epoch, event.step) >= (epoch, step):
            raise StopTraining

    return on_event


class Trainings:
    """What several tests begin with, trained once; a test that writes into it gets a copy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[Run, list[Event]]] = {}

    def of(self, recipe: Recipe, *, broken_off: bool = False) -> tuple[Run, list[Event]]:
        """The run and its events; `broken_off`: stopped after the first batch."""
        key = f"{recipe.model_dump_json()} {broken_off}"
        if key not in self._known:
            events: list[Event] = []
            on_event = stop_at(1, 1, events) if broken_off else events.append
            run = train(recipe, self._folder / str(len(self._known)), on_event)
            self._known[key] = run, events
        return self._known[key]

    def copied(self, target: Path, recipe: Recipe, *, broken_off: bool = False) -> Run:
        """A copy of the run in the folder `target`."""
        shutil.copytree(self.of(recipe, broken_off=broken_off)[0].folder, target)
        return registry.read_run(target)


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainings]:
    folder = tmp_path_factory.mktemp("trainings")
    with pytest.MonkeyPatch.context() as patch:
        forget_full_mnist(patch, folder)
        yield Trainings(folder)


@pytest.fixture
def every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "PROGRESS_EVERY_S", 0.0)


@pytest.mark.usefixtures("every_batch")
def test_stopped_and_continued_training_equals_an_uninterrupted_one(
    trainings: Trainings, tmp_path: Path
) -> None:
    whole, _ = trainings.of(careful_recipe())
    # 3,600 digits are 29 batches: once in the middle of an epoch, once at the end of one.
    run = train(careful_recipe(), tmp_path / "broken", stop_at(2, 11))
    assert (run.info.status, run.info.epochs_done) == ("stopped", 1)
    assert run.history()["steps"].tolist() == [29, 11]
    run = resume_training(ResumedWriter(run), stop_at(2, 29))
    assert (run.info.status, run.info.epochs_done) == ("stopped", 2)
    events: list[Event] = []
    run = resume_training(ResumedWriter(run), events.append)
    assert weights(run) == weights(whole)
    assert run.history()[FIGURES].round(5).equals(whole.history()[FIGURES].round(5))
    assert run.info.metrics == whole.info.metrics
    assert (run.info.status, run.info.ended_by) == ("finished", "last epoch")
    assert (run.info.epochs_done, run.epochs()) == (3, [1, 2, 3])
    (started,) = told(events, Started)
    assert started.first_step == 2 * 29
    assert [event.step for event in told(events, Progress)][:2] == [1, 2]
    assert run.info.seconds > 0


# Python's hash() and what an earlier test drew from a generator differ between processes.
ANOTHER_PROCESS = """
import os, signal, sys
from pathlib import Path
from core.training import callbacks
from core.runs.messages import Progress
from core.training.trainer import train
from tests.conftest import conv_recipe
from tests.core.training.test_resume import careful_recipe

def die(event):
    if isinstance(event, Progress) and (event.epoch, event.step) == (2, 17):
        os.kill(os.getpid(), signal.SIGKILL)

place = Path(sys.argv[1])
train(conv_recipe(), place / "fresh")
callbacks.PROGRESS_EVERY_S, callbacks.CHECKPOINT_EVERY_S = 0.0, 0.0
train(careful_recipe(), place / "killed", die)
"""


@pytest.fixture(scope="module")
def another_process(trainings: Trainings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where another process has trained a run, and has died of the next one."""
    place = tmp_path_factory.mktemp("another")
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER_PROCESS, str(place)], cwd=ROOT, check=False, timeout=280
    )
    assert done.returncode == -signal.SIGKILL
    return place


def test_another_process_trains_the_same_run(trained: Trained, another_process: Path) -> None:
    fresh = registry.read_run(another_process / "fresh")
    assert weights(fresh) == weights(trained.run)
    figures = [name for name in FIGURES if name != "steps"]
    assert fresh.history()[figures].equals(trained.run.history()[figures])
    assert fresh.info.metrics == trained.run.info.metrics


def test_killed_training_goes_on_from_its_last_checkpoint(
    trainings: Trainings, another_process: Path
) -> None:
    whole, _ = trainings.of(careful_recipe())
    killed = registry.read_run(another_process / "killed")
    assert (killed.info.status, killed.info.model_sha256) == ("running", "")
    events: list[Event] = []
    run = resume_training(ResumedWriter(killed), events.append)
    (started,) = told(events, Started)
    assert started.first_step == 29 + 16  # the batch that it died in comes again
    assert weights(run) == weights(whole)
    assert run.history()[FIGURES].round(5).equals(whole.history()[FIGURES].round(5))


def test_damaged_checkpoint_of_a_run_with_a_network_leaves_it_as_it_was(
    trainings: Trainings, tmp_path: Path
) -> None:
    run = trainings.copied(tmp_path / "run", careful_recipe(), broken_off=True)
    before = weights(run)
    (run.folder / "checkpoint.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(RunError, match="checkpoint is damaged"):
        resume_training(ResumedWriter(run))
    after = registry.read_run(run.folder)
    assert weights(after) == before
    assert "checkpoint is damaged" in after.info.error
    assert len(after.history()) == 1


def test_run_that_was_killed_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run", dense_recipe(), provenance())
    (tmp_path / "run" / "checkpoint.npz").write_bytes(b"half")
    writer.close()
    run = resume_training(ResumedWriter(registry.read_run(tmp_path / "run")))
    assert (run.info.status, len(run.history())) == ("finished", 1)


def test_run_without_a_checkpoint_is_not_begun_anew_over_its_network() -> None:
    with pytest.raises(RunError, match="state of its training was not kept"):
        registry.find_run("best").check_can_go_on()


def test_finished_run_can_be_trained_for_more_epochs(trainings: Trainings, tmp_path: Path) -> None:
    longer, _ = trainings.of(dense_recipe(epochs=3))
    run = trainings.copied(tmp_path / "run", dense_recipe())
    writer = ResumedWriter(run)
    writer.update(recipe=dense_recipe(epochs=3))
    run = resume_training(writer)
    assert weights(run) == weights(longer)  # a constant learning rate: nothing else differs
    assert run.info.epochs_done == 3


def test_one_process_at_a_time_trains_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_WORKER_WAIT_S", 0.1)
    writer = RunWriter(tmp_path / "run", dense_recipe(), provenance())
    with pytest.raises(RunError, match="another process"):
        ResumedWriter(registry.read_run(tmp_path / "run"))
    writer.close()
    ResumedWriter(registry.read_run(tmp_path / "run")).close()


class Hand:
    """Gives orders when an event comes, as a visitor does who watches."""

    def __init__(self, folder: Path, orders_at: dict[tuple, list[str]]) -> None:
        self.folder, self.orders_at, self.events = folder, dict(orders_at), []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        key = (type(event), getattr(event, "epoch", 0), getattr(event, "step", 0))
        for order in self.orders_at.pop(key, ()):
            messages.send_command(self.folder, order)  # type: ignore[arg-type]

    def kinds(self) -> list[tuple]:
        wanted = (Paused, Resumed, EpochEnded)
        return [
            (type(event).__name__, event.epoch, getattr(event, "step", 0))
            for event in self.events
            if isinstance(event, wanted)
        ]


@pytest.mark.usefixtures("every_batch")
def test_pause_one_step_one_epoch_and_stop(tmp_path: Path) -> None:
    hand = Hand(
        tmp_path / "run",
        {
            (Progress, 1, 3): ["pause"],
            (Paused, 1, 4): ["step"],
            (Paused, 1, 5): ["epoch"],
            (Paused, 2, 0): ["resume"],
            (Progress, 2, 9): ["stop"],
        },
    )
    run = train(dense_recipe(epochs=3), tmp_path / "run", hand)
    assert hand.kinds() == [
        # An order that comes while a batch is told of is read after the next one.
        ("Paused", 1, 4),
        ("Resumed", 1, 4),
        ("Paused", 1, 5),
        ("Resumed", 1, 5),
        ("EpochEnded", 1, 0),
        ("Paused", 2, 0),
        ("Resumed", 2, 0),
        ("EpochEnded", 2, 0),
    ]
    assert (run.info.status, run.info.ended_by) == ("stopped", "by hand")
    assert run.history()["steps"].tolist() == [32, 10]


def test_pause_is_no_time_of_training_and_ends_by_itself(
    trainings: Trainings, tmp_path: Path
) -> None:
    run = trainings.copied(tmp_path / "run", dense_recipe(), broken_off=True)
    messages.send_command(run.folder, "pause")
    writer = ResumedWriter(run)
    began = time.monotonic()
    ended = resume_training(writer, limits=TimeLimits(pause_seconds=2.0))
    assert time.monotonic() - began > 2
    assert (ended.info.status, ended.info.ended_by) == ("stopped", "pause limit")
    assert ended.info.seconds < run.info.seconds + 1.5


def test_pause_does_not_count_against_the_time_limit(trainings: Trainings, tmp_path: Path) -> None:
    run = trainings.copied(tmp_path / "run", dense_recipe(), broken_off=True)
    messages.send_command(run.folder, "pause")
    limit = TimeLimits(seconds=run.info.seconds + 1.0, pause_seconds=1.5)
    assert resume_training(ResumedWriter(run), limits=limit).info.ended_by == "pause limit"


def test_stopped_training_is_not_validated_again(trainings: Trainings) -> None:
    run, _ = trainings.of(careful_recipe(), broken_off=True)
    assert run.history()["val_loss"].isna().all()
    assert run.info.metrics["mnist-sample"].n == 1000


def test_drafts_of_a_killed_process_are_removed(trainings: Trainings, tmp_path: Path) -> None:
    run = trainings.copied(tmp_path / "run", dense_recipe())
    (run.folder / ".checkpoint.npz.k2j3").write_bytes(b"half")
    (run.folder / ".model.9x").mkdir()
    (run.folder / "epochs" / ".epoch_01.npz.q").write_bytes(b"half")
    ResumedWriter(run).close()
    assert not list(run.folder.rglob(".*"))


def test_time_limit_ends_a_training_and_keeps_it(trainings: Trainings, tmp_path: Path) -> None:
    run = trainings.copied(tmp_path / "run", dense_recipe(), broken_off=True)
    writer = ResumedWriter(run)
    writer.update(recipe=dense_recipe(epochs=50))
    ended = resume_training(writer, limits=TimeLimits(seconds=run.info.seconds + 1.0))
    assert (ended.info.status, ended.info.ended_by) == ("stopped", "time limit")
    assert ended.info.epochs_done < 50
    assert ended.info.metrics["mnist-sample"].n == 1000


@pytest.mark.usefixtures("every_batch")
def test_learning_rate_can_be_changed_and_the_run_says_so(tmp_path: Path) -> None:
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if isinstance(event, Progress) and (event.epoch, event.step) == (1, 5):
            messages.send_command(tmp_path / "run", "rate", 0.5)

    recipe = dense_recipe(optimizer=Optimizer(learning_rate=0.001), schedule={"kind": "one-cycle"})
    run = train(recipe, tmp_path / "run", on_event)
    (changed,) = told(events, RateChanged)
    rates = {event.step: event.learning_rate for event in told(events, Progress)}
    for step in (5, 6, 7, 20, 32):
        # In batch 6 the old rate still holds: the order is read after it.
        peak = 0.001 if step <= 6 else 0.5
        assert rates[step] == pytest.approx(recipe.schedule.at(step - 1, 32, peak))
    assert (changed.epoch, changed.step) == (1, 6)
    (kept,) = registry.read_run(run.folder).info.rate_changes
    assert (kept.epoch, kept.step, kept.learning_rate) == (1, 6, 0.5)


def overfitting_recipe(**changes: object) -> Recipe:
    """Softmax regression at a high learning rate: its validation loss soon goes up and down."""
    fields = {
        "optimizer": Optimizer(learning_rate=0.05),
        "validation_split": 0.3,
        "epochs": 12,
        "batch_size": 256,
    }
    return dense_recipe(**{**fields, **changes})


def test_early_stopping_ends_after_the_patience_and_the_best_epoch_is_kept(tmp_path: Path) -> None:
    run = train(overfitting_recipe(early_stopping=2, keep_best=True), tmp_path / "run")
    losses = run.history()["val_loss"].to_numpy()
    best = int(np.argmin(losses)) + 1
    assert (run.info.status, run.info.ended_by) == ("finished", "early stopping")
    assert len(losses) == best + 2 < 12
    assert run.info.best_epoch == best
    kept, wanted = load_model(run).get_weights(), run.epoch_weights(best)
    last = run.epoch_weights(best + 2)
    for array, expected in zip(kept, wanted, strict=True):
        assert array == pytest.approx(expected, abs=2e-3)
    assert any(not np.allclose(a, b, atol=2e-3) for a, b in zip(kept, last, strict=True))


def test_continuing_after_early_stopping_grants_new_patience(
    trainings: Trainings, tmp_path: Path
) -> None:
    run = trainings.copied(tmp_path / "run", overfitting_recipe(early_stopping=2))
    ended = run.info.epochs_done
    run = resume_training(ResumedWriter(run))
    losses = run.history()["val_loss"].to_numpy()
    best = int(np.argmin(losses)) + 1
    assert run.info.epochs_done == min(max(best, ended) + 2, 12)


def test_without_keep_best_the_last_weights_stay(trainings: Trainings) -> None:
    run, _ = trainings.of(overfitting_recipe(early_stopping=2))
    kept, last = load_model(run).get_weights(), run.epoch_weights(run.info.epochs_done)
    assert run.info.best_epoch == 0
    for array, expected in zip(kept, last, strict=True):
        assert array == pytest.approx(expected, abs=2e-3)


def test_full_disk_is_told_in_a_sentence_and_the_run_can_go_on(
    trainings: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.runs.writer import SPARE_EPOCHS

    real = os.replace
    whole = Path.replace
    full = False

    def replace(self: Path, target: Path) -> Path:
        if full and target.name != "run.json":
            raise OSError(28, os.strerror(28))
        return whole(self, target)

    def fill(event: Event) -> None:
        nonlocal full
        full = full or (isinstance(event, EpochEnded) and event.epoch == 2)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(RunError, match="The disk is full"):
        train(dense_recipe(epochs=3), tmp_path / "run", fill)
    full = False
    info = registry.read_run(tmp_path / "run").info
    assert (info.status, info.ended_by) == ("failed", "fault")
    assert "disk is full" in info.error
    assert not list(tmp_path.glob(f"run/{SPARE_EPOCHS}"))
    assert real is os.replace
    run = resume_training(ResumedWriter(registry.read_run(tmp_path / "run")))
    assert (run.info.status, run.info.error) == ("finished", "")
    assert weights(run) == weights(trainings.of(dense_recipe(epochs=3))[0])


def test_run_whose_folder_is_taken_away_ends_the_training(tmp_path: Path) -> None:
    def take_away(event: Event) -> None:
        if isinstance(event, Progress) and (tmp_path / "run").exists():
            (tmp_path / "run").rename(tmp_path / "elsewhere")

    with pytest.raises(RunError):
        train(conv_recipe(epochs=50), tmp_path / "run", take_away)


def test_ended_says_why(trainings: Trainings) -> None:
    _, events = trainings.of(dense_recipe())
    assert (events[-1].status, events[-1].ended_by) == ("finished", "last epoch")
    assert isinstance(events[-1], Ended)
