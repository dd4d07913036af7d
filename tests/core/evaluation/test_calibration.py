"""Calibration, refusing to answer, top-k accuracy: against hand-made counts and scikit-learn."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import top_k_accuracy_score

from core.evaluation.calibration import (
    calibration_error,
    calibration_sentence,
    confidence_histogram,
    coverage_curve,
    coverage_sentence,
    reliability,
    top_k_accuracy,
)
from core.figures.calibration_charts import confidence_chart, coverage_chart, reliability_diagram
from core.figures.style import TEXT_COLORS
from core.runs import predictions, registry
from core.runs.predictions import Predictions
from tests.helpers.made_answers import answered as made
from tests.helpers.made_answers import network


def sure(confidence: list[float], right: list[bool], run: str = "tiny") -> Predictions:
    """Digits 0 that are read as 0 or, wrongly, as 1, each with its confidence."""
    confidences = np.array(confidence, np.float32)
    probabilities = np.repeat(((1 - confidences) / 9)[:, None], 10, axis=1)
    probabilities[np.arange(len(confidences)), np.where(right, 0, 1)] = confidences
    images = np.zeros((len(confidences), 28, 28), np.uint8)
    labels = np.zeros(len(confidences), np.uint8)
    return Predictions(network(run), "made-up", images, labels, probabilities, held_out=True)


@pytest.fixture(scope="module")
def purawr() -> Predictions:
    return predictions.load_predictions(registry.find_run("purawr"), "mnist-sample")


def guo(confidence: NDArray[np.float32], right: NDArray[np.bool_], bins: int) -> float:
    """ECE written out as in Guo et al. (2017), equations 2 to 5: a slow, independent judge."""
    total = 0.0
    for m in range(1, bins + 1):
        low, high = np.float32((m - 1) / bins), np.float32(m / bins)
        inside = [k for k, p in enumerate(confidence) if low < p <= high]
        if inside:
            accuracy = sum(bool(right[k]) for k in inside) / len(inside)
            mean = sum(float(confidence[k]) for k in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(accuracy - mean)
    return total


@pytest.mark.parametrize("bins", [10, 15])
def test_ece_is_the_papers(purawr: Predictions, bins: int) -> None:
    expected = guo(purawr.confidence, purawr.correct, bins)
    assert calibration_error(reliability(purawr, bins)) == pytest.approx(expected)


def test_bins_are_scikit_learns(purawr: Predictions) -> None:
    # It puts an edge into the bin above, Guo et al. into the one below: none lies on an edge here.
    assert not np.isin(purawr.confidence, (np.arange(1, 10) / 10).astype(np.float32)).any()
    accuracy, mean = calibration_curve(purawr.correct, purawr.confidence, n_bins=10)
    filled = [each for each in reliability(purawr) if each.count]
    assert [each.accuracy for each in filled] == pytest.approx(accuracy.tolist())
    assert [each.mean for each in filled] == pytest.approx(mean.tolist())
    assert sum(each.count for each in filled) == 1000


def test_ece_by_hand() -> None:
    # Two answers at 0.95, one right: a gap of 0.45. Two at 0.55, both right: a gap of 0.45 too.
    answers = sure([0.95, 0.95, 0.55, 0.55], [True, False, True, True])
    assert calibration_error(reliability(answers)) == pytest.approx(0.45)
    # In one bin the gaps cancel out: mean confidence 0.75, accuracy 0.75.
    assert calibration_error(reliability(answers, 1)) == pytest.approx(0, abs=1e-6)


def test_an_edge_belongs_to_the_bin_below() -> None:
    bins = reliability(sure([0.9, 0.3, 1.0, 0.91], [True] * 4))
    counts = {
        round(confidence_bin.high, 1): confidence_bin.count
        for confidence_bin in bins
        if confidence_bin.count
    }
    assert counts == {0.9: 1, 0.3: 1, 1.0: 2}


def test_the_interval_of_a_bin_is_wilsons() -> None:
    (only,) = reliability(sure([0.8] * 20, [True] * 13 + [False] * 7), 1)
    expected = binomtest(13, 20).proportion_ci(method="wilson")
    assert (only.lower, only.upper) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_a_bin_in_words() -> None:
    bins = reliability(sure([0.95] * 250 + [0.65], [True] * 249 + [False, True]))
    assert bins[-1].sentence() == (
        "Answers with a confidence of 90 to 100 % are right in 99.6 % of cases (249 of 250)."
    )
    assert bins[0].sentence() == "No answer has a confidence of 0 to 10 %."


@pytest.mark.parametrize(
    ("confidence", "right", "verdict"),
    [
        (0.9, 90, "on the whole it is as sure as it may be"),
        (0.99, 80, "it is too sure"),
        (0.7, 99, "it is right more often than it says"),
    ],
)
def test_too_sure_or_not_sure_enough(confidence: float, right: int, verdict: str) -> None:
    words = calibration_sentence(sure([confidence] * 100, [True] * right + [False] * (100 - right)))
    assert verdict in words
    assert f"right in {right}.0 % of cases" in words
    gap = abs(100 * confidence - right)
    assert f"(ECE) is {gap:.2g} percentage points" in words or gap < 1e-5


def test_every_answer_is_in_the_histogram_once(purawr: Predictions) -> None:
    histogram = confidence_histogram(purawr)
    assert histogram.right.sum() == purawr.correct.sum()
    assert histogram.wrong.sum() == (~purawr.correct).sum()
    by_hand = ((purawr.confidence > 0.9) & (purawr.confidence <= 0.95) & ~purawr.correct).sum()
    assert histogram.wrong[18] == by_hand


def test_the_reject_curve_at_any_threshold_is_a_plain_count(purawr: Predictions) -> None:
    curve = coverage_curve(purawr)
    exactly = [float(value) for value in purawr.confidence[:50]]
    for threshold in [0, 0.5, 0.9, 0.99, 0.9999, *exactly]:
        point = curve.at(threshold)
        asked = purawr.confidence >= np.float32(threshold)
        assert point.answered == asked.sum()
        assert point.wrong == (asked & ~purawr.correct).sum()
    assert curve.at(0).coverage == 1
    assert curve.at(0).error == pytest.approx(np.mean(~purawr.correct))
    assert (np.diff(curve.thresholds) > 0).all()
    assert len(curve.thresholds) == len(set(purawr.confidence.tolist()))


def test_an_answer_exactly_as_sure_as_the_threshold_counts() -> None:
    # 0.9 as float32 is a little less than 0.9.
    assert coverage_curve(sure([0.9, 0.8], [True, False])).at(0.9).answered == 1


def test_what_refusing_means_in_words() -> None:
    answers = sure([0.95, 0.95, 0.92, 0.6, 0.5], [True, True, False, False, True])
    assert coverage_sentence(answers, 0.9) == (
        "If tiny answers only when it is at least 90 % sure, it answers 3 of 5 digits (60.0 %) and "
        "is wrong on 1 of them (33.33 %). People would have to look at 2 digits, among which are "
        "1 of its 2 mistakes."
    )
    assert "Nothing is left for people to look at" in coverage_sentence(answers, 0.1)
    assert "answers nothing: people would have to look at all 5" in coverage_sentence(answers, 0.99)
    assert "look at 1 digit, " in coverage_sentence(answers, 0.55)
    assert coverage_curve(answers).at(0.99).error == 0


def test_top_k_is_scikit_learns(purawr: Predictions) -> None:
    ranked = np.sort(purawr.probabilities, axis=1)
    # It takes the larger digit of equals first, the answers here the smaller one.
    clear = (np.diff(ranked, axis=1) > 0).all(axis=1)
    assert clear.sum() > 900
    answers = Predictions(
        purawr.network,
        "mnist-sample",
        purawr.images[clear],
        purawr.labels[clear],
        purawr.probabilities[clear],
        held_out=True,
    )
    for k in range(1, 10):
        expected = top_k_accuracy_score(
            answers.labels, answers.probabilities, k=k, labels=range(10), normalize=False
        )
        assert top_k_accuracy(answers, k) == expected
    assert top_k_accuracy(answers, 10) == len(answers)


def test_of_equal_probabilities_the_smaller_digit_comes_first() -> None:
    probabilities = np.full((10, 10), 0.1, np.float32)
    images = np.zeros((10, 28, 28), np.uint8)
    labels = np.arange(10, dtype=np.uint8)
    answers = Predictions(network("tiny"), "made-up", images, labels, probabilities, held_out=True)
    assert [top_k_accuracy(answers, k) for k in range(1, 11)] == list(range(1, 11))


def test_top_1_is_the_answer() -> None:
    answers = made([1, 2, 3, 4], [1, 2, 3, 5])
    assert top_k_accuracy(answers, 1) == answers.correct.sum() == 3


def test_shared_results_cannot_be_changed(purawr: Predictions) -> None:
    with pytest.raises(ValueError, match="read-only"):
        coverage_curve(purawr).wrong[0] = 7
    with pytest.raises(ValueError, match="read-only"):
        confidence_histogram(purawr).right[0] = 7
    assert coverage_curve(purawr) is coverage_curve(purawr)


def test_the_diagram_has_a_diagonal_and_a_point_for_each_bin_with_answers() -> None:
    answers = sure([0.95, 0.95, 0.55], [True, False, True])
    figure = reliability_diagram({"a": reliability(answers)})
    diagonal, gaps, points = figure.data
    assert list(diagonal.x) == list(diagonal.y) == [0, 100]
    assert list(points.x) == pytest.approx([55, 95])
    assert list(points.y) == pytest.approx([100, 50])
    # Each gap goes straight from the diagonal to its point.
    assert [gaps.y[0], gaps.y[1], gaps.y[3], gaps.y[4]] == pytest.approx([55, 100, 95, 50])
    assert gaps.x[0] == gaps.x[1]
    low = binomtest(1, 2).proportion_ci(method="wilson").low
    assert points.error_y.arrayminus[1] == pytest.approx(50 - 100 * low, abs=1e-4)
    assert list(points.customdata[1][-2:]) == [1, 2]


def test_two_runs_differ_by_more_than_color() -> None:
    first, second = sure([0.9], [True]), sure([0.8], [False])
    figure = reliability_diagram({"a": reliability(first), "b": reliability(second)})
    looks = [
        (trace.marker.symbol, trace.line.dash) for trace in figure.data if trace.name in ("a", "b")
    ]
    assert len(set(looks)) == 2
    with pytest.raises(ValueError, match="at least 1 and at most 2"):
        reliability_diagram({})


def test_right_and_wrong_bars_differ_by_pattern_and_an_empty_one_is_not_drawn() -> None:
    histogram = confidence_histogram(sure([0.97, 0.97, 0.97, 0.52], [True, True, False, False]))
    figure = confidence_chart({"a": histogram})
    right, wrong = figure.data
    assert (right.marker.pattern.shape, wrong.marker.pattern.shape) == ("", "/")
    assert figure.layout.yaxis.type == "log"
    assert (right.y[-1], wrong.y[-1], right.y[10], wrong.y[10]) == (2, 1, None, 1)
    # One answer is seen: its bar begins below 1.
    assert 10 ** figure.layout.yaxis.range[0] < 1


def test_two_histograms_stand_under_their_names() -> None:
    histogram = confidence_histogram(sure([0.97], [True]))
    figure = confidence_chart({"<b>": histogram, "x" * 80: histogram})
    assert [note.text for note in figure.layout.annotations] == ["&lt;b&gt;", "x" * 27 + "…"]


def test_the_chosen_threshold_is_marked_on_the_curve(purawr: Predictions) -> None:
    curve = coverage_curve(purawr)
    chosen = curve.at(0.9)
    line, mark = coverage_chart({"purawr": (curve, chosen)}, TEXT_COLORS["dark"]).data
    assert (mark.x[0], mark.y[0]) == (100 * chosen.coverage, 100 * chosen.error)
    assert max(line.x) == 100
    assert line.y[line.x.index(100)] == pytest.approx(100 * np.mean(~purawr.correct))
    assert len(line.x) <= 400


def test_what_is_chosen_is_in_sight_and_one_that_answers_nothing_has_no_mark() -> None:
    answers = sure([0.99] * 99 + [0.5], [True] * 99 + [False])
    curve = coverage_curve(answers)
    near = coverage_chart({"a": (curve, curve.at(0.5))})
    assert 90 < near.layout.xaxis.range[0] < 99
    far = coverage_chart({"a": (curve, curve.at(1))})
    assert far.layout.xaxis.range[0] == 0
    assert len(far.data) == 1


def test_a_figure_of_ten_thousand_answers_is_a_small_one() -> None:
    rng = np.random.default_rng(1)
    answers = sure(rng.uniform(0.2, 1, 10_000).tolist(), (rng.random(10_000) < 0.9).tolist())
    curve = coverage_curve(answers)
    assert len(curve.thresholds) > 5000
    assert len(json.dumps(coverage_chart({"a": (curve, curve.at(0.9))}).to_plotly_json())) < 60_000


def test_the_text_takes_the_themes_color(purawr: Predictions) -> None:
    curve = coverage_curve(purawr)
    for figure in (
        reliability_diagram({"a": reliability(purawr)}, "#e8ecf1"),
        confidence_chart({"a": confidence_histogram(purawr)}, "#e8ecf1"),
        coverage_chart({"a": (curve, curve.at(0.9))}, "#e8ecf1"),
    ):
        assert figure.layout.font.color == figure.layout.xaxis.tickfont.color == "#e8ecf1"
        assert figure.layout.legend.font.color == "#e8ecf1"
