"""The confusions page's slices: what a visitor reads, sees and opens."""

from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.evaluation.slices import (
    MEASURES,
    SliceBin,
    SliceTable,
    bin_members,
    error_rate_bins,
    worst_slices,
)
from core.figures.comparison_charts import error_rate_chart, label_map, label_span
from core.runs import registry
from core.runs.predictions import load_predictions
from core.utils.text import DIGIT_PLURALS
from tests.helpers.views import said


def page() -> None:
    import numpy as np
    import streamlit as st

    from core.runs import registry
    from core.runs.predictions import load_predictions
    from pages.widgets.confusion.slices import slices_view
    from tests.helpers.made_answers import answered

    state = st.session_state
    predictions = load_predictions(registry.find_run(state.get("run", "soorya")), "mnist-sample")
    if "first" in state:
        predictions = answered(
            predictions.labels[: state["first"]],
            predictions.labels[: state["first"]],
            dataset="mine",
            images=np.ascontiguousarray(predictions.images[: state["first"]]),
        )
    slices_view(
        predictions,
        load_predictions(registry.find_run("fast"), "mnist-sample") if state.get("two") else None,
    )


@pytest.fixture
def view() -> AppTest:
    return AppTest.from_function(page, default_timeout=60)


def grids(view: AppTest, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[int], str]]:
    """Run the view and give the lists of digits that it shows: their indices and key."""
    shown: list[tuple[list[int], str]] = []

    def note(predictions: Any, indices: Any, *, key: str, **_: Any) -> None:
        shown.append((indices.tolist(), key))

    monkeypatch.setattr("pages.widgets.confusion.slices.show_digits", note)
    view.run()
    assert not view.exception
    return shown


def test_the_worst_slices_stand_in_a_table_with_their_numbers(view: AppTest) -> None:
    view.run()
    said(view)
    search = worst_slices(load_predictions(registry.find_run("soorya"), "mnist-sample"))
    (table,) = view.dataframe
    assert table.value["Slice"].tolist() == [weak_slice.name for weak_slice in search.slices]
    for row, weak_slice in zip(table.value.to_dict("records"), search.slices, strict=True):
        wrong, n = (int(part) for part in row["Wrong"].split(" of "))
        assert (wrong, n) == (weak_slice.wrong, weak_slice.n)
        assert row["Error rate"] == f"{100 * wrong / n:.1f} %"
        for key, _ in weak_slice.thirds:
            assert MEASURES[key].name.lower() in row["Measured"]
        assert any(row["Slice"].endswith(word) for word in (*DIGIT_PLURALS, "digits"))


def test_it_is_said_how_many_slices_were_searched_and_what_chance_does(view: AppTest) -> None:
    view.run()
    words = said(view)
    search = worst_slices(load_predictions(registry.find_run("soorya"), "mnist-sample"))
    assert f"{search.searched:,} slices were looked at" in words
    assert f"below 0.05 / {search.searched:,}, the Bonferroni correction" in words
    assert "chance alone makes some look bad" in words
    sure = view.dataframe[0].value["Chance?"] == "more than chance"
    assert f"{sure.sum()} of these {len(sure)} do" in words


def test_another_measure_shows_its_own_bins(view: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    predictions = load_predictions(registry.find_run("soorya"), "mnist-sample")
    assert grids(view, monkeypatch) == []
    view.button_group(key="confusion-slices-trait").set_value("slant").run()
    assert MEASURES["slant"].about in said(view)
    pills = view.button_group(key="confusion-slices-bin-slant-5")
    value_bins = error_rate_bins(predictions, "slant")
    assert [int(option.content.split("(")[1].split()[0]) for option in pills.proto.options] == [
        value_bin.wrong for value_bin in value_bins
    ]
    pills.set_value(4)
    ((shown, _),) = grids(view, monkeypatch)
    assert shown == bin_members(predictions, "slant", 4).tolist()


def test_two_runs_share_the_chart_and_one_does_not(view: AppTest) -> None:
    view.run()
    assert len(drawn(view, 0)["data"]) == 1
    view.session_state["two"] = True
    view.run()
    names = [trace["name"] for trace in drawn(view, 0)["data"]]
    assert names == ["soorya", "fast"]


def drawn(view: AppTest, number: int) -> dict[str, Any]:
    import json

    said(view)
    return json.loads(view.get("plotly_chart")[number].proto.spec)


def test_without_a_mistake_there_is_nothing_worse(view: AppTest) -> None:
    view.session_state["first"] = 400
    view.run()
    assert "None of these digits is misread" in said(view)
    assert not view.dataframe


def test_a_few_own_digits_are_shown_in_three_bins(view: AppTest) -> None:
    view.session_state["first"] = 4
    view.run()
    assert "None of these digits" in said(view)
    assert len(drawn(view, 0)["data"][0]["x"]) == 3


def test_a_single_digit_breaks_nothing(view: AppTest) -> None:
    view.session_state["first"] = 1
    view.run()
    said(view)
    for trait in MEASURES:
        view.button_group(key="confusion-slices-trait").set_value(trait).run()
        said(view)


TWO_BINS = (SliceBin(0.5, 2, 100, 4, 0.04, 0.0157, 0.0984), SliceBin(2, 6.25, 50, 0, 0, 0, 0.0713))


def test_the_chart_shows_rates_and_intervals_in_percent() -> None:
    figure = error_rate_chart({"a<b>": TWO_BINS}, MEASURES["thickness"])
    (trace,) = figure.data
    assert trace.y == pytest.approx((4, 0))
    assert trace.error_y.array == pytest.approx((5.84, 7.13))
    assert trace.error_y.arrayminus == pytest.approx((2.43, 0))
    assert trace.name == "a&lt;b&gt;"
    assert figure.layout.xaxis.ticktext == ("0.5 to<br>2.0", "2.0 to<br>6.2")
    assert figure.layout.xaxis.title.text == "← thin · Thickness (px) · thick →"


def test_the_points_of_two_runs_stand_apart_and_a_fifth_is_refused() -> None:
    figure = error_rate_chart({"a": TWO_BINS, "b": TWO_BINS}, MEASURES["thickness"])
    first, second = figure.data
    assert all(left < right for left, right in zip(first.x, second.x, strict=True))
    assert (first.marker.symbol, first.line.dash) != (second.marker.symbol, second.line.dash)
    with pytest.raises(ValueError, match="at most 4"):
        error_rate_chart(dict.fromkeys("abcde", TWO_BINS), MEASURES["thickness"])


def test_the_map_shows_counts_and_shares_and_leaves_empty_cells_empty() -> None:
    n, wrong = np.zeros((10, 2), int), np.zeros((10, 2), int)
    n[9], wrong[9] = (40, 20), (10, 0)
    heat = label_map(SliceTable(n, wrong), TWO_BINS, MEASURES["thickness"]).data[0]
    assert tuple(heat.z[9]) == (25.0, 0.0)
    assert tuple(heat.text[9]) == ("10/40", "0/20")
    assert [*heat.z[0], *heat.text[0]] == [None, None, "", ""]
    assert heat.zmax == 25


@pytest.mark.parametrize(
    ("trait", "words"),
    [
        ("thickness", "0.5 to 2.0 px"),
        ("slant", "0 to 2°"),
        ("width", "0.50 to 2.00 of the height"),
        ("rarity", "0.50 to 2.00"),
    ],
)
def test_a_bin_is_told_with_its_unit(trait: str, words: str) -> None:
    assert label_span(TWO_BINS[0], MEASURES[trait]) == words


def test_angles_to_the_left_have_a_minus_and_zero_has_none() -> None:
    assert label_span(SliceBin(-7.4, -0.2, 1, 0, 0, 0, 0), MEASURES["slant"]) == "−7 to 0°"
