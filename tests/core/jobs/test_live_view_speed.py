"""How fast a training goes, when it will be over, and its curve with fewer points."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.jobs.live_run import LiveRun
from core.runs import registry
from core.runs.messages import Paused, Resumed
from tests.helpers.made_events import (
    STARTED,
    append,
    epoch_ended,
    epoch_evaluated,
    lines,
    live_after,
    progress,
)


def test_a_long_curve_is_made_of_honest_means(tmp_path: Path) -> None:
    # Groups of 1, 3, 2, 2, 2 batches; five points into at most three: pairs from the first on.
    losses = [4.0, 2.0, 1.0, 0.5, 0.25]
    events = [
        progress(1, step, loss=loss, accuracy=1 - loss / 4, learning_rate=loss / 100)
        for step, loss in zip([1, 4, 6, 8, 10], losses, strict=True)
    ]
    curve = live_after(tmp_path, STARTED, *events).curve(3)
    assert curve.x.tolist() == [0.4, 0.8, 1.0]
    np.testing.assert_allclose(curve.loss, [(4 + 3 * 2) / 4, (2 * 1 + 2 * 0.5) / 4, 0.25])
    np.testing.assert_allclose(curve.accuracy, 1 - curve.loss / 4)
    np.testing.assert_allclose(curve.learning_rate, curve.loss / 100)


@pytest.mark.parametrize("most", [1, 7, 200])
def test_no_curve_is_longer_than_asked_for_and_its_mean_stays(most: int) -> None:
    live = LiveRun.from_finished_run(registry.find_run("katariya"))
    raw, merged = live.curve(10**6), live.curve(most)
    assert len(merged.x) <= most < len(raw.x)
    assert merged.x[-1] == raw.x[-1] == 5
    batches, groups = (np.diff(curve.x, prepend=0) for curve in (raw, merged))
    assert merged.loss @ groups == pytest.approx(raw.loss @ batches, rel=1e-9)


def test_speed_is_recent_and_leaves_out_the_first_group_which_builds_the_graph(
    tmp_path: Path,
) -> None:
    live = live_after(tmp_path, STARTED, progress(1, 1, images_per_second=2.0))
    assert live.images_per_second is None
    assert live.seconds_left is None
    append(tmp_path, lines(progress(1, 3, images_per_second=64.0)))
    live.update()
    assert live.images_per_second == pytest.approx(64)
    # Two batches in 1 s, then four in 1 s: six batches of 32 in 2 s.
    append(tmp_path, lines(progress(1, 7, images_per_second=128.0)))
    live.update()
    assert live.images_per_second == pytest.approx(96)
    # A slow stretch of 6 s (3 batches at half a batch a second) is all that is recent.
    append(tmp_path, lines(progress(1, 10, images_per_second=16.0)))
    live.update()
    assert live.images_per_second == pytest.approx(16)


def test_time_left_counts_the_measured_time_between_epochs(tmp_path: Path) -> None:
    live = live_after(tmp_path, STARTED, progress(1, 1), progress(1, 10, time=1010.0))
    # 20 batches at 2 a second; validating on a tenth is guessed at a third of training on it.
    assert live.seconds_left == pytest.approx(10 * (1 + 0.1 / 3))
    # Validation took 2 s, saving and looking another second: 3 s for each of two epochs to come.
    append(tmp_path, lines(epoch_ended(1, time=1012.0), replace(epoch_evaluated(1), time=1013.0)))
    live.update()
    assert live.seconds_left == pytest.approx(10 + 2 * 3)
    append(tmp_path, lines(progress(2, 5, time=1015.5)))
    live.update()
    assert live.seconds_left == pytest.approx(15 / 2 + 2 * 3)


def test_a_pause_is_no_time_between_epochs(tmp_path: Path) -> None:
    before = [progress(1, 1), progress(1, 10, time=1010.0), Paused(1010.0, 1, 10)]
    after = [Resumed(1500.0, 1, 10), epoch_ended(1, time=1502.0)]
    live = live_after(tmp_path, STARTED, *before, *after)
    assert live.seconds_left == pytest.approx(10 * (1 + 0.1 / 3))


def test_a_speed_of_nothing_harms_nobody(tmp_path: Path) -> None:
    events = [progress(1, step, images_per_second=0.0) for step in (1, 2, 3)]
    live = live_after(tmp_path, STARTED, *events)
    assert live.images_per_second is None


def test_the_estimate_of_a_shipped_run_in_its_middle_was_right(tmp_path: Path) -> None:
    source = (
        (registry.find_run("purawr").folder / "events.jsonl").read_text().splitlines(keepends=True)
    )
    half = len(source) // 2
    append(tmp_path, "".join(source[:half]))
    live = LiveRun(tmp_path)
    live.update()
    now = json.loads(source[half - 1])["time"]
    last_epoch = next(line for line in reversed(source) if "EpochEnded" in line)
    assert live.seconds_left == pytest.approx(json.loads(last_epoch)["time"] - now, rel=0.25)
