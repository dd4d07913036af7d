"""Following a training by its events: what somebody who watches it is told, whatever happens."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.jobs.live_run import HISTORY, CurveMark, LiveRun
from core.runs import registry
from core.runs.messages import Downloading, Ended, Paused, RateChanged, Resumed, event_from_line
from core.runs.run import Run
from tests.conftest import Trained
from tests.helpers.made_events import (
    STARTED,
    append,
    epoch_ended,
    epoch_evaluated,
    lines,
    live_after,
    progress,
)


def test_a_folder_that_is_not_there_yet_is_followed_once_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    live = LiveRun(folder)
    assert not live.update()
    assert (live.started, live.epoch, live.step, live.fraction) == (None, 0, 0, 0.0)
    assert live.seconds_left is None
    assert live.images_per_second is None
    assert len(live.curve(300).x) == len(live.epochs) == 0
    folder.mkdir()
    append(folder, lines(STARTED))
    assert live.update()
    assert live.started == STARTED


def test_only_what_is_new_is_news_and_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    live = live_after(tmp_path, STARTED, progress(1, 2))
    assert not live.update()
    version = live.version
    half, rest = lines(progress(1, 4, loss=0.25)).split("loss")
    append(tmp_path, half)
    assert not live.update()
    assert (live.step, live.version) == (2, version)
    append(tmp_path, "loss" + rest)
    assert live.update()
    assert live.version > version
    assert live.progress
    assert (live.step, live.progress.loss) == (4, 0.25)


@pytest.mark.parametrize(
    "damaged",
    [
        "\n",
        "\x00\x00\x00\n",
        "[1, 2]\n",
        '{"event": "Progress"}\n',
        '{"event": "Fireworks", "time": 1}\n',
        lines(progress(1, 4)).replace("0.5", '"half"'),
        lines(progress(1, 4)).replace('"step": 4', '"step": null'),
        lines(progress(99, 4)),
        lines(progress(1, 1)),  # older than what is known
    ],
)
def test_damaged_lines_are_passed_over(tmp_path: Path, damaged: str) -> None:
    live = live_after(tmp_path, STARTED, progress(1, 2))
    append(tmp_path, damaged + lines(progress(1, 6)))
    live.update()
    assert (live.epoch, live.step) == (1, 6)
    assert live.curve(300).x.tolist() == [0.2, 0.6]


def test_bytes_that_are_no_text_spoil_only_their_line(tmp_path: Path) -> None:
    live = live_after(tmp_path, STARTED)
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b"\xff\xfe{\n" + lines(progress(1, 3)).encode())
    live.update()
    assert live.step == 3


def test_what_a_killed_process_left_half_written_does_not_hide_the_next_start(
    tmp_path: Path,
) -> None:
    live = live_after(tmp_path, STARTED, progress(1, 6))
    append(tmp_path, lines(progress(1, 8))[:-30] + lines(replace(STARTED, first_step=4)))
    live.update()
    assert (live.epoch, live.step) == (1, 4)


@pytest.mark.parametrize("longer", [False, True])
def test_a_file_that_was_replaced_is_read_from_its_start(tmp_path: Path, longer: bool) -> None:
    live = live_after(tmp_path, STARTED, *(progress(1, step) for step in range(1, 8)))
    other = replace(STARTED, epochs=7)
    steps = range(1, 11 if longer else 3)
    text = lines(other, *(progress(1, step, loss=2.5) for step in steps))
    (tmp_path / "events.jsonl").write_text(text)
    assert live.update()
    assert live.started == other
    assert live.step == steps[-1]
    assert set(live.curve(300).loss) == {2.5}


def test_position_fraction_and_learning_rate(tmp_path: Path) -> None:
    live = live_after(tmp_path, STARTED, *(progress(1, step) for step in (4, 10)))
    assert (live.epoch, live.step, live.steps_done) == (1, 10, 10)
    append(tmp_path, lines(epoch_ended(1), progress(2, 5, learning_rate=0.0005)))
    live.update()
    assert (live.epoch, live.step, live.steps_done, live.total_steps) == (2, 5, 15, 30)
    assert live.fraction == 0.5
    assert live.learning_rate == 0.0005


def test_the_table_of_epochs_is_that_of_the_history(trained: Trained) -> None:
    live = LiveRun.from_finished_run(trained.run)
    history = trained.run.history()
    for column in HISTORY:
        np.testing.assert_allclose(live.epochs[column], history[column], rtol=1e-12)
    assert live.epochs["x"].tolist() == [1.0, 2.0]
    assert live.ended
    assert (live.ended.status, live.fraction, live.seconds_left) == ("finished", 1.0, 0.0)


def test_a_run_without_validation_has_numbers_all_the_same(tmp_path: Path) -> None:
    ended = epoch_ended(1, val_loss=None, val_accuracy=None)
    table = live_after(tmp_path, STARTED, ended).epochs
    assert table["val_loss"].isna().all()
    assert table["val_loss"].dtype == table["loss"].dtype == np.float64
    assert table["epoch"].dtype == np.int64


def test_an_epoch_that_was_stopped_in_its_middle_ends_there(tmp_path: Path) -> None:
    live = live_after(tmp_path, STARTED, progress(1, 4), epoch_ended(1, steps=4))
    assert live.epochs["x"].tolist() == [0.4]
    append(tmp_path, lines(replace(STARTED, first_step=4), progress(1, 10), epoch_ended(1)))
    live.update()
    assert live.epochs["x"].tolist() == [1.0]
    assert live.curve(300).x.tolist() == [0.4, 1.0]


def test_a_diverged_training_is_followed(tmp_path: Path) -> None:
    live = live_after(tmp_path, STARTED, progress(1, 3, loss=float("nan")))
    assert np.isnan(live.curve(300).loss).tolist() == [True]


def test_going_on_voids_what_came_after_the_step_it_goes_on_from(tmp_path: Path) -> None:
    first = [progress(1, 5), progress(1, 10), epoch_ended(1), epoch_evaluated(1)]
    second = [progress(2, 5), progress(2, 10), epoch_ended(2), epoch_evaluated(2)]
    changes = [RateChanged(1000.0, 1, 7, 0.5), RateChanged(1000.0, 2, 6, 0.25)]
    live = live_after(tmp_path, STARTED, *first, *second, *changes, Paused(1000.0, 2, 10))
    append(tmp_path, lines(Ended(1000.0, "failed", 9.0), replace(STARTED, first_step=15)))
    live.update()
    assert live.curve(300).x.tolist() == [0.5, 1.0, 1.5]
    assert live.epochs["epoch"].tolist() == [1]
    assert live.last_evaluation == epoch_evaluated(1)
    assert live.rate_changes == (changes[0],)
    assert (live.epoch, live.step, live.ended, live.paused) == (2, 5, None, False)
    append(tmp_path, lines(progress(2, 7)))
    live.update()
    assert live.curve(300).x.tolist() == [0.5, 1.0, 1.5, 1.7]


def test_a_start_from_the_first_batch_forgets_everything(tmp_path: Path) -> None:
    live = live_after(
        tmp_path, STARTED, progress(1, 10), epoch_ended(1), epoch_evaluated(1), STARTED
    )
    assert live.steps_done == len(live.epochs) == len(live.curve(300).x) == 0
    assert live.last_evaluation is None
    assert live.learning_rate is None


def test_pause_and_what_ends_it(tmp_path: Path) -> None:
    live = live_after(tmp_path, STARTED, progress(1, 2), Paused(1000.0, 1, 2))
    assert live.paused
    append(tmp_path, lines(progress(1, 3)))  # one step at a time
    live.update()
    assert (live.paused, live.step) == (True, 3)
    append(tmp_path, lines(Resumed(1000.0, 1, 3)))
    live.update()
    assert not live.paused
    append(tmp_path, lines(Paused(1000.0, 1, 3), Ended(1000.0, "stopped", 9.0, "", "by hand")))
    live.update()
    assert not live.paused
    assert live.ended
    assert live.ended.ended_by == "by hand"


def test_downloading_is_over_when_the_training_starts(tmp_path: Path) -> None:
    live = live_after(tmp_path, Downloading(1000.0, 5, 11))
    assert live.downloading == Downloading(1000.0, 5, 11)
    append(tmp_path, lines(STARTED))
    live.update()
    assert live.downloading is None


def test_the_last_evaluation_comes_as_it_was_written(tmp_path: Path) -> None:
    live = live_after(tmp_path, STARTED, *(epoch_evaluated(epoch) for epoch in (1, 2, 3)))
    # Tuples within, as in the event: nobody can change them.
    assert live.last_evaluation == epoch_evaluated(3)


def test_changes_of_the_learning_rate_stand_on_the_curve(tmp_path: Path) -> None:
    live = live_after(tmp_path, STARTED, RateChanged(1000.0, 2, 5, 0.0003))
    assert live.marks == (CurveMark(1.5, 0.0003),)


def test_what_is_given_out_is_not_changed_later(tmp_path: Path) -> None:
    live = live_after(tmp_path, STARTED, progress(1, 5), epoch_ended(1))
    curve, table = live.curve(300), live.epochs
    table.loc[0, "loss"] = 99.0
    assert live.epochs["loss"].tolist() == [0.4]
    append(tmp_path, lines(progress(2, 2), epoch_ended(2)))
    live.update()
    assert curve.x.tolist() == [0.5]
    assert live.epochs["loss"].tolist() == [0.4, 0.4]
    with pytest.raises(ValueError, match="read-only"):
        curve.loss[0] = 0.0


@pytest.mark.parametrize(
    "run", [r for r in registry.list_shipped() if isinstance(r, Run)], ids=lambda r: r.id
)
def test_shipped_runs_can_be_looked_at_as_they_were_trained(run: Run) -> None:
    live = LiveRun.from_finished_run(run)
    assert live.epoch == run.info.recipe.epochs
    assert len(live.epochs) == len(run.history())
    assert live.ended
    curve = live.curve(300)
    assert np.all(np.diff(curve.x) > 0)
    assert curve.loss[-1] < curve.loss[0]


def test_of_a_long_training_only_the_news_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []

    def counted(fields: Any) -> Any:
        read.append(fields)
        return event_from_line(fields)

    monkeypatch.setattr("core.jobs.live_run.event_from_line", counted)
    started = replace(STARTED, epochs=40, steps=1000, n_train=32_000)
    groups = (progress(1 + k // 1000, 1 + k % 1000) for k in range(39_990))
    append(tmp_path, lines(started, *groups))
    live = LiveRun(tmp_path)
    live.update()
    assert live.steps_done == 39_990
    for step in range(991, 1001):
        append(tmp_path, lines(progress(40, step)))
        read.clear()
        live.update()
        assert len(read) <= 1
    assert live.steps_done == 40_000


def test_many_visitors_ask_at_once_and_each_sees_a_whole_picture(tmp_path: Path) -> None:
    started = replace(STARTED, epochs=50, steps=100, n_train=3200)
    append(tmp_path, lines(started))
    live, faults = LiveRun(tmp_path), []
    over = threading.Event()

    def visit() -> None:
        while not over.is_set():
            live.update()
            curve, table = live.curve(50), live.epochs
            same = len({len(curve.x), len(curve.loss), len(curve.accuracy)}) == 1
            if not same or list(table["epoch"]) != list(range(1, len(table) + 1)):
                faults.append((curve, table))

    visitors = [threading.Thread(target=visit) for _ in range(6)]
    for visitor in visitors:
        visitor.start()
    for epoch in range(1, 31):
        groups = [progress(epoch, step) for step in range(20, 101, 20)]
        append(tmp_path, lines(*groups, epoch_ended(epoch, steps=100)))
    deadline = time.monotonic() + 60
    while live.steps_done < 3000 and time.monotonic() < deadline:
        time.sleep(0.01)
    over.set()
    for visitor in visitors:
        visitor.join()
    assert not faults
    assert (live.steps_done, len(live.epochs)) == (3000, 30)
