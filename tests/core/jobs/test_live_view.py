"""The curves of a training: what a reader of the charts would see."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.data.augmentation import Augmentation
from core.jobs.live_run import HISTORY, CurveMark, LiveCurve, LiveRun
from core.jobs.live_view import MAX_POINTS, ComparedRun, accuracy_chart, chart_caption, loss_chart
from core.recipes.presets import PRESETS
from core.runs import registry
from tests.conftest import conv_recipe, dense_recipe


def curve(*losses: float, accuracy: float = 0.9) -> LiveCurve:
    n = len(losses)
    x = np.arange(1, n + 1) / 10
    return LiveCurve(x, np.array(losses, float), np.full(n, accuracy), np.full(n, 0.001))


def epochs(*rows: tuple[float, float, float, float]) -> pd.DataFrame:
    """Rows of loss, accuracy, validation loss, validation accuracy."""
    numbered = [(k, *row, 0.001, 5.0, float(k)) for k, row in enumerate(rows, 1)]
    return pd.DataFrame(numbered, columns=[*HISTORY, "x"])


NONE = epochs()
TWO = epochs((0.5, 0.8, 0.25, 0.91), (0.125, 0.95, 0.2, 0.97))
NAN = float("nan")


def drawn(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {line["name"]: line for line in spec["lines"]}


def test_loss_by_batches_by_epoch_and_in_validation() -> None:
    lines = drawn(loss_chart(curve(2.0, 1.0), TWO, total=5))
    assert lines["batches"]["points"] == [[0.1, 2.0], [0.2, 1.0]]
    assert lines["training"]["points"] == [[1.0, 0.5], [2.0, 0.125]]
    assert lines["validation"]["points"] == [[1.0, 0.25], [2.0, 0.2]]


def test_accuracy_is_in_percent() -> None:
    spec = accuracy_chart(curve(2.0, accuracy=0.5), TWO, total=5)
    lines = drawn(spec)
    assert lines["batches"]["points"] == [[0.1, 50.0]]
    assert lines["validation"]["points"] == [[1.0, 91.0], [2.0, 97.0]]
    assert (spec["y"]["low"], spec["y"]["high"]) == (0, 100)


def test_no_two_lines_are_told_apart_by_color_alone() -> None:
    run = ComparedRun("one", TWO)
    spec = loss_chart(curve(1.0), TWO, total=5, compare=[run, ComparedRun("two", TWO)])
    looks = [(line["symbol"], json.dumps(line["dashes"]), line["width"]) for line in spec["lines"]]
    assert len(set(looks)) == len(looks) == 5


@pytest.mark.parametrize("done", [0, 1, 2])
def test_the_axis_of_epochs_stands_still_while_the_training_runs(done: int) -> None:
    spec = loss_chart(curve(*[1.0] * done), TWO.head(done), total=7)
    assert (spec["x"]["low"], spec["x"]["high"]) == (0, 7)


def test_before_the_first_batch_there_are_axes_to_look_at() -> None:
    for log in (False, True):
        spec = loss_chart(curve(), NONE, total=3, log=log)
        assert all(line["points"] == [] for line in spec["lines"])
    assert accuracy_chart(curve(), NONE, total=3, zoom_top=True)["y"]["low"] == 0


def test_without_validation_there_is_no_line_for_it() -> None:
    table = epochs((0.5, 0.8, NAN, NAN))
    assert set(drawn(loss_chart(curve(1.0), table, total=2))) == {"batches", "training"}


def test_the_logarithmic_axis_is_close_around_the_data_and_has_no_place_for_zero() -> None:
    spec = loss_chart(curve(2.3, 0.0, 0.03), NONE, total=2, log=True)
    ticks = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0]
    assert spec["y"] == {"log": True, "low": 0.02, "high": 5.0, "ticks": ticks}
    assert spec["lines"][0]["points"][1] == [0.2, None]


def test_a_logarithmic_axis_over_many_powers_names_the_powers_only() -> None:
    axis = loss_chart(curve(2.3, 0.00003), NONE, total=2, log=True)["y"]
    assert axis["ticks"] == [0.0001, 0.001, 0.01, 0.1, 1.0]


@pytest.mark.parametrize(
    ("loss", "ticks"),
    [
        (3.04, [0, 1, 2, 3, 4]),
        (0.31, [0, 0.1, 0.2, 0.3, 0.4]),
        (2.0, [0, 0.5, 1, 1.5, 2]),
        (1e30, [0, 2e29, 4e29, 6e29, 8e29, 1e30]),
    ],
)
def test_the_axis_of_the_loss_ends_on_a_round_number_above_it(
    loss: float, ticks: list[float]
) -> None:
    axis = loss_chart(curve(loss), NONE, total=2)["y"]
    assert axis["ticks"] == ticks
    assert (axis["low"], axis["high"]) == (0, ticks[-1])


@pytest.mark.parametrize(
    ("total", "ticks"),
    [(1, [0, 1]), (2, [0, 1, 2]), (12, list(range(0, 13, 2))), (50, [*range(0, 51, 10)])],
)
def test_the_axis_of_epochs_names_whole_epochs(total: int, ticks: list[int]) -> None:
    assert loss_chart(curve(), NONE, total=total)["x"]["ticks"] == ticks


@pytest.mark.parametrize(("loss", "low"), [(1.0, 1.0), (0.5, 0.5), (0.00999, 0.005), (7.0, 5.0)])
def test_the_logarithmic_axis_begins_at_a_round_number(loss: float, low: float) -> None:
    axis = loss_chart(curve(loss), NONE, total=2, log=True)["y"]
    assert axis["low"] == low
    assert axis["high"] >= loss


@pytest.mark.parametrize(
    ("accuracies", "low"),
    [([0.2, 0.991, 0.995], 99), ([0.2, 0.96, 0.995], 95), ([0.93], 90), ([0.6], 50), ([0.2], 0)],
)
def test_the_top_of_the_accuracy_keeps_the_newer_half_in_sight(
    accuracies: list[float], low: int
) -> None:
    table = epochs(*((0.1, accuracy, 0.1, accuracy) for accuracy in accuracies))
    spec = accuracy_chart(curve(1.0), table, total=9, zoom_top=True)
    assert (spec["y"]["low"], spec["y"]["high"]) == (low, 100)


def test_two_earlier_runs_at_most_as_far_as_this_one_goes() -> None:
    three = [ComparedRun(name, TWO) for name in ("one", "two", "three")]
    lines = drawn(loss_chart(curve(1.0), NONE, total=1, compare=three))
    assert [name for name in lines if name not in {"batches", "training"}] == [
        "one, validation",
        "two, validation",
    ]
    assert lines["one, validation"]["points"] == [[1.0, 0.25]]


def test_an_earlier_run_without_validation_shows_its_training_and_says_so() -> None:
    lines = drawn(
        loss_chart(
            curve(), NONE, total=3, compare=[ComparedRun("old", epochs((0.5, 0.8, NAN, NAN)))]
        )
    )
    assert lines["old, training"]["points"] == [[1.0, 0.5]]


def test_runs_of_one_name_and_names_without_end_have_a_place_in_the_legend() -> None:
    same = [ComparedRun("a" * 60, TWO), ComparedRun("a" * 60, TWO)]
    names = [line["name"] for line in loss_chart(curve(), NONE, total=3, compare=same)["lines"]]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 45


def test_a_learning_rate_changed_by_hand_is_marked_with_the_new_one() -> None:
    marks = [CurveMark(1.0, 0.0005), CurveMark(1.1, 0.0002), CurveMark(3.0, 0.00001)]
    spec = loss_chart(curve(1.0), NONE, total=5, marks=marks)
    # Of two close together only one is named: the words would lie over one another.
    assert [(mark["x"], mark["name"]) for mark in spec["marks"]] == [
        (1.0, ""),
        (1.1, "rate 0.0002"),
        (3.0, "rate 1e-05"),
    ]
    assert [
        mark["name"] for mark in loss_chart(curve(1.0), NONE, total=5, marks=marks[:1])["marks"]
    ] == ["rate 0.0005"]


def test_a_loss_that_is_no_number_is_a_gap_and_all_is_plain_json() -> None:
    table = epochs((NAN, 0.1, float("inf"), 0.1), (NAN, 0.1, NAN, 0.1))
    for log in (False, True):
        spec = loss_chart(curve(2.0, NAN, float("inf")), table, total=3, log=log)
        assert spec["lines"][0]["points"] == [[0.1, 2.0], [0.2, None], [0.3, None]]
        json.dumps(spec, allow_nan=False)


def test_a_long_training_is_a_small_message() -> None:
    live = LiveRun.from_finished_run(registry.find_run("best"))
    seen = live.curve(MAX_POINTS)
    for spec in (
        loss_chart(seen, live.epochs, total=16),
        accuracy_chart(seen, live.epochs, total=16),
    ):
        assert len(json.dumps(spec, separators=(",", ":"))) < 8_000


def test_the_caption_says_why_validation_can_look_better() -> None:
    words = chart_caption(
        PRESETS["best"].recipe
    )  # dropout and augmentation, a twentieth kept aside
    for part in ("dropout on", "dropout off", "changed at random", "unchanged", "5 % of", "better"):
        assert part in words
    assert "the test digits" in chart_caption(PRESETS["katariya"].recipe)


def test_the_caption_speaks_of_what_the_recipe_has_only() -> None:
    plain = chart_caption(conv_recipe())
    assert "dropout" not in plain
    assert "changed at random" not in plain
    assert "10 % of the digits" in plain
    moved = chart_caption(conv_recipe(augmentation=Augmentation(rotation=5)))
    assert "changed at random" in moved
    assert "dropout" not in moved
    alone = chart_caption(dense_recipe())
    assert "no validation" in alone
    assert "Diamonds" not in alone
