"""The confusions page's view of how sure a network is: what a visitor reads and moves."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.runs import predictions, registry
from tests.helpers.views import said


def page() -> None:
    import numpy as np
    import streamlit as st

    from core.runs import predictions, registry
    from pages.widgets.confusion.calibration import calibration_view
    from tests.helpers.made_answers import answered as made

    if st.session_state.get("made"):
        calibration_view(made([1, 2], [1, 2], images=np.zeros((2, 28, 28), np.uint8)), None)
    else:
        other = st.session_state.get("other")
        calibration_view(
            predictions.load_predictions(registry.find_run("purawr"), "mnist-sample"),
            predictions.load_predictions(registry.find_run(other), "mnist-sample")
            if other
            else None,
        )


@pytest.fixture
def view() -> AppTest:
    return AppTest.from_function(page, default_timeout=60)


def test_it_says_how_sure_how_often_right_and_the_error(view: AppTest) -> None:
    view.run()
    answers = predictions.load_predictions(registry.find_run("purawr"), "mnist-sample")
    words = said(view).replace("\\", "")
    sure = 100 * answers.confidence.mean(dtype=np.float64)
    assert f"On average purawr is {sure:.1f} % sure of its answers" in words
    assert "right in 97.6 % of cases" in words
    assert "expected calibration error (ECE) is" in words
    assert "**reliability diagram**" in words


def test_the_second_guess(view: AppTest) -> None:
    view.run()
    answers = predictions.load_predictions(registry.find_run("purawr"), "mnist-sample")
    best_two = np.argsort(answers.probabilities, axis=1)[:, -2:]
    second = int((best_two == answers.labels[:, None]).any(axis=1).sum())
    assert f"**{second / 10:.2f} %** of cases (top-2 accuracy; the answer alone: 97.60 %)" in said(
        view
    )
    assert f"the second guess is the label on {second - 976} of 24 digits" in said(view)


def test_the_slider_moves_words_curve_and_digits(view: AppTest) -> None:
    view.run()
    answers = predictions.load_predictions(registry.find_run("purawr"), "mnist-sample")
    for percent in (50, 95):
        view.select_slider(key="confusion-calibration-threshold").set_value(percent).run()
        asked = answers.confidence >= np.float32(percent / 100)
        wrong = int((asked & ~answers.correct).sum())
        words = said(view)
        assert f"answers {asked.sum():,} of 1,000 digits" in words.replace("\\", "")
        assert f"is wrong on {wrong} of them" in words
        assert f"at {percent:g} %, the surest answers first" in words
        mark = charts(view)[2][-1]
        assert mark["x"] == pytest.approx([asked.sum() / 10])
        shown = digits_shown(view)
        assert sorted(shown) == np.flatnonzero(asked & ~answers.correct).tolist()
        assert (np.diff(answers.confidence[shown]) <= 0).all()


def digits_shown(view: AppTest) -> list[int]:
    """The indices of the digits in the grid, in their order."""
    (grid,) = [element.proto for element in view.get("bidi_component")]
    return [digit["index"] for digit in json.loads(grid.json)["digits"]]


def charts(view: AppTest) -> list[list[dict[str, object]]]:
    """The traces of each chart, as the browser gets them."""
    return [json.loads(element.proto.spec)["data"] for element in view.get("plotly_chart")]


def test_with_another_run_everything_is_said_and_drawn_of_both(view: AppTest) -> None:
    view.session_state["other"] = "best"
    view.run()
    words = said(view).replace("\\", "")
    for run in ("purawr", "best"):
        assert f"On average {run} is" in words
        assert f"If {run} answers only when" in words
        assert f"{run}: the label is the answer or the second" in words
    diagram, _, coverage = charts(view)
    assert {"purawr", "best"} <= {trace["name"] for trace in diagram if "name" in trace}
    assert {"purawr", "best"} <= {trace["name"] for trace in coverage}


def test_nothing_wrong_is_said_where_nothing_is(view: AppTest) -> None:
    view.session_state["made"] = True
    view.run()
    assert "No wrong answer is that confident" in said(view)
    assert "second guess is the label on" not in said(view)
    assert "**100.00 %**" in said(view)
