"""Figures of searches: history, settings side by side, importance."""

import math

import pytest

from core.experiments.proposals import Training
from core.experiments.search import make_dimension
from core.figures.search_charts import history_chart, importance_chart, parallel_chart

RATE = make_dimension("optimizer.learning_rate", [0.001, 0.1])
KIND = make_dimension("optimizer.kind", ["adam", "sgd"])
EPOCHS = make_dimension("epochs", [2, 8])
TRAININGS = [
    Training((0.01, "sgd", 4), (0.9, 0.5), "finished", 0.5),
    Training((0.1, "adam", 8), (2.0,), "pruned"),
    Training((0.001, "adam", 2), (0.6, 0.7), "finished", 0.7),
    Training((0.02, "adam", 3), (0.6, 0.2), "finished", 0.2),
    Training((0.03, "adam", 3), state="failed"),
    Training((0.04, "adam", 3)),
]


def test_the_history_shows_each_training_and_the_best_so_far() -> None:
    finished, pruned, best = history_chart(TRAININGS, ["a", "b", "c", "d", "e", "f"]).data
    assert (list(finished.x), list(finished.y)) == ([1, 3, 4], [0.5, 0.7, 0.2])
    assert (list(pruned.x), list(pruned.y)) == ([2], [2.0])
    assert list(best.y) == [0.5, 0.5, 0.2]
    assert pruned.customdata[0] == "b<br>pruned after epoch 1"
    ticks = history_chart(TRAININGS, ["a", "b", "c", "d", "e", "f"]).layout.yaxis.tickvals
    assert list(ticks) == [0.2, 0.5, 1, 2]
    assert len(history_chart(TRAININGS[4:], ["e", "f"]).data) == 0  # nothing to show yet


def test_each_finished_training_is_a_line_through_its_settings() -> None:
    (lines,) = parallel_chart([RATE, KIND, EPOCHS], TRAININGS).data
    rate, kind, epochs, loss = lines.dimensions
    assert list(rate["values"]) == pytest.approx([-2, -3, math.log10(0.02)])
    assert list(rate.range) == pytest.approx([-3, -1])
    assert list(rate.ticktext) == ["0.001", "0.0032", "0.01", "0.032", "0.1"]
    batches = parallel_chart([make_dimension("batch_size", [16, 256])], []).data[0].dimensions[0]
    assert list(batches.ticktext) == ["16", "32", "64", "128", "256"]
    assert (list(kind["values"]), list(kind.ticktext)) == ([1, 0, 0], ["Adam", "SGD"])
    assert list(epochs["values"]) == [4, 2, 3]
    assert list(loss["values"]) == [0.5, 0.7, 0.2]
    assert list(lines.line.color) == [1, 2, 0]  # by rank, the best first


def test_the_most_decisive_setting_is_at_the_top() -> None:
    figure = importance_chart({"optimizer.learning_rate": 0.75, "batch_size": 0.25})
    (bars,) = figure.data
    assert list(bars.y) == ["Learning rate", "Batch size"]
    assert list(bars.x) == [75, 25]
    assert figure.layout.yaxis.autorange == "reversed"
