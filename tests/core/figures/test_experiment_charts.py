"""Figures of experiments: each run, the means, bands without corners, a map of a grid."""

import numpy as np
import pytest

from core.experiments.plan import combinations_of, make_factor, make_plan
from core.experiments.results import CurveBand, Summary, bootstrap_interval
from core.figures.experiment_charts import band_chart, grid_chart, results_chart
from tests.conftest import conv_recipe

RATES = make_factor("optimizer.learning_rate", [0.001, 0.01])
FILTERS = make_factor("conv.filters", [8, 16, 32])
PLAN = make_plan(conv_recipe(), [RATES, FILTERS], 2)


def summaries(*values: list[float]) -> list[Summary]:
    return [
        Summary(combination, dict(enumerate(runs)), 2, *bootstrap_interval(runs))
        for combination, runs in zip(combinations_of(PLAN), values, strict=True)
    ]


def test_each_run_is_a_point_and_each_mean_has_its_interval() -> None:
    results = summaries([0.9, 0.92], [0.95], [], [0.97, 0.97], [0.8, 0.9], [0.99])
    points, means = results_chart(results, "test accuracy").data
    assert list(points.x) == pytest.approx([90, 92, 95, 97, 97, 80, 90, 99])
    assert list(means.x) == pytest.approx([91, 95, 97, 85, 99])
    assert means.error_x.array[0] == pytest.approx(1)
    assert list(means.error_x.array)[1:3] == [0, 0]  # one run, and two that are equal
    assert points.customdata[0][1] == "90.00 %"


def test_the_band_is_one_deviation_around_the_mean() -> None:
    runs = np.array([[0.4, 0.2], [0.6, np.nan]])
    band = CurveBand(np.array([1, 2]), runs, np.array([0.5, 0.2]), np.array([0.1, np.nan]))
    thin, around, mean = band_chart({"a<b": band}, "loss").data
    assert list(thin.y) == [0.4, 0.2, None, 0.6, None, None]
    assert list(around.y) == pytest.approx([0.6, 0.4])
    assert around.mode == "lines"
    assert list(mean.y) == [0.5, 0.2]
    assert mean.name == "a&lt;b"
    alone = CurveBand(np.array([1]), runs[:1, :1], np.array([0.4]), np.array([np.nan]))
    assert len(band_chart({"one": alone}, "loss").data) == 2
    with pytest.raises(ValueError, match="at most 4"):
        band_chart(dict.fromkeys("abcde", band), "loss")


def test_the_axis_counts_whole_epochs() -> None:
    def ticks(epochs: int) -> float:
        values = np.zeros(epochs)
        band = CurveBand(np.arange(1, epochs + 1), values[None], values, values)
        return band_chart({"one": band}, "loss").layout.xaxis.dtick

    assert [ticks(count) for count in (1, 2, 10, 24, 50)] == [1, 1, 1, 3, 5]


def test_a_grid_is_a_map_in_which_better_is_fuller() -> None:
    results = summaries([0.9], [0.92], [], [0.5], [0.6], [0.7])
    map_, cells = grid_chart(results, (RATES, FILTERS), "test accuracy").data
    assert list(map_.x) == ["8", "16", "32"]
    assert list(map_.y) == ["0.001", "0.01"]
    assert list(map_.text[0]) == ["90.00 %", "92.00 %", ""]
    assert map_.z[0][1] > map_.z[0][0] > map_.z[1][2]
    assert map_.z[0][2] is None
    # What a click says: the number of the cell's combination.
    clicked = dict(zip(zip(cells.y, cells.x, strict=True), cells.customdata, strict=True))
    assert clicked[("0.01", "8")] == 3
    assert ("0.001", "32") not in clicked  # it has no run
    losses, _ = grid_chart(results, (RATES, FILTERS), "validation loss").data
    assert losses.z[1][0] > losses.z[0][0]
