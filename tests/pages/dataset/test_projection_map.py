"""The map as a visitor meets it: its figure, a click, their own drawing."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from core import ROOT
from core.data.projection import Points, point_positions, points_by_label, position_of
from core.figures.dataset_charts import MapMark, digit_at_point, projection_chart
from core.figures.style import DIGIT_COLORS

SCRIPT = """
import streamlit as st
from pages.widgets.dataset.projection_map import embedding_view

embedding_view("mnist-sample", st.session_state.get("split", "test"))
"""


def few_dots() -> tuple[Points, ...]:
    """Per split three digits of each label, around (label, 0) and (label, 9)."""
    around = np.array([[0, 0], [0.1, 0], [-5, 1]], np.float32)
    return tuple(
        Points(split, label, 100 * label + np.arange(3), around + np.float32([label, height]))
        for split, height in (("train", 0), ("test", 9))
        for label in range(10)
    )


@pytest.fixture
def page(tmp_path: Path) -> AppTest:
    """A page with nothing but the map, among the app's other pages."""
    (tmp_path / "pages").symlink_to(ROOT / "pages")
    (tmp_path / "shown.py").write_text(SCRIPT)
    return AppTest.from_file(str(tmp_path / "shown.py"), default_timeout=60)


def drawn_one() -> bytes:
    """The drawing canvas with an upright stroke, as PNG."""
    paper = Image.new("RGB", (280, 280), "white")
    ImageDraw.Draw(paper).line([(140, 50), (140, 230)], fill="black", width=18)
    png = io.BytesIO()
    paper.save(png, "PNG")
    return png.getvalue()


def said(page: AppTest) -> str:
    return "\n".join(
        str(element.value) for element in [*page.markdown, *page.caption, *page.warning]
    )


# ------------------------------------------------------------------------------------ the figure


def test_each_label_has_its_color_one_legend_entry_and_its_name_at_the_median() -> None:
    figure = projection_chart(few_dots())
    assert [trace.marker.color for trace in figure.data] == [*DIGIT_COLORS, *DIGIT_COLORS]
    legend = [trace.name for trace in figure.data if trace.showlegend]
    assert legend == [str(label) for label in range(10)]
    named = {note.text: (note.x, note.y) for note in figure.layout.annotations}
    # x: -2, -2, 3, 3, 3.1, 3.1; y: 0, 0, 1, 9, 9, 10 for the label 3.
    assert named["<b>3</b>"] == pytest.approx((3.0, 5.0))
    assert len(named) == 10


def test_names_of_labels_that_lie_on_one_another_stand_apart() -> None:
    alike = tuple(
        Points("test", label, np.arange(2), np.float32([[0, 0], [10, 10]])) for label in range(10)
    )
    tags = np.array([(note.x, note.y) for note in projection_chart(alike).layout.annotations])
    apart = np.hypot(*(tags[:, None] - tags[None]).T)[~np.eye(10, dtype=bool)]
    assert apart.min() > 0.3  # of a map that is 10 wide
    assert np.abs(tags - 5).max() < 5  # and yet on it


def test_pointing_at_a_digit_names_it() -> None:
    figure = projection_chart(few_dots())
    train, test = figure.data[3], figure.data[13]
    assert train.hovertemplate.startswith("Training digit %{customdata:,}")
    assert "label 3" in train.hovertemplate
    assert test.hovertemplate.startswith("Test digit %{customdata:,}")
    assert list(test.customdata) == [300, 301, 302]


def test_a_mark_comes_last_and_says_what_it_is() -> None:
    figure = projection_chart(few_dots(), [MapMark("your drawing", (1.5, 2.5))])
    assert (figure.data[-1].x[0], figure.data[-1].y[0]) == (1.5, 2.5)
    assert len(figure.data) == 21
    (note,) = [
        annotation for annotation in figure.layout.annotations if annotation.text == "your drawing"
    ]
    assert (note.x, note.y, note.showarrow) == (1.5, 2.5, None)  # an arrow is Plotly's default


def test_two_marks_on_one_place_can_both_be_read() -> None:
    marks = [MapMark("test digit 7", (1.5, 2.5)), MapMark("your drawing", (1.5, 2.5))]
    notes = projection_chart(few_dots(), marks).layout.annotations
    first, second = (note for note in notes if note.text in {mark.name for mark in marks})
    assert abs(first.ay - second.ay) > 40  # pixels


def test_only_axes_that_mean_something_are_named() -> None:
    with_names = projection_chart(few_dots(), axes=("first", "second")).layout
    assert (with_names.xaxis.title.text, with_names.yaxis.title.text) == ("first", "second")
    assert projection_chart(few_dots()).layout.xaxis.title.text is None


def test_a_click_is_understood_as_the_digit_that_lies_there() -> None:
    dots = few_dots()
    assert digit_at_point(dots, [{"curve_number": 3, "point_index": 2}]) == ("train", 302)
    assert digit_at_point(dots, [{"curve_number": 13, "point_index": 0}]) == ("test", 300)
    assert digit_at_point(dots, [{"curve_number": 20, "point_index": 0}]) is None  # the drawing
    assert digit_at_point(dots, []) is None  # a double click takes the choice back


# -------------------------------------------------------------------------------------- the page


def test_both_maps_are_drawn_and_explained(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert "all 5,000 digits of the sample" in said(page)
    assert "% of the variance" in said(page)
    page.button_group(key="map-way").set_value("tsne").run()
    assert not page.exception
    assert "t-SNE (van der Maaten and Hinton, 2008)" in said(page)


def test_the_digit_that_was_clicked_is_shown_and_opened_in_its_split(page: AppTest) -> None:
    page.session_state["split"] = "test"
    page.session_state["map_clicked"] = ("mnist-sample", "train", 17)
    page.run()
    page.button(key="map-open").click().run()
    assert (page.session_state["split"], page.session_state["index"]) == ("train", 17)


def test_a_click_on_another_datasets_map_is_forgotten(page: AppTest) -> None:
    page.session_state["map_clicked"] = ("mnist", "test", 9999)
    page.run()
    assert not page.exception
    assert "Click a point" in said(page)


def test_without_a_drawing_a_link_leads_to_where_one_draws(page: AppTest) -> None:
    page.run()
    (link,) = page.get("page_link")
    assert link.proto.page == "predict"


def test_a_drawn_stroke_stands_among_the_ones(page: AppTest) -> None:
    page.session_state["canvas_png"] = drawn_one()
    page.session_state["map-way"] = "tsne"
    page.run()
    assert not page.exception
    assert "t-SNE has no rule for a new point" in said(page)
    star, ones = drawing_and_ones(page)
    # The ones are two or three heaps: the drawing is right among some of them.
    assert np.sort(np.hypot(*(ones - star).T))[20] < 10
    page.toggle(key="map-drawing").set_value(False).run()
    assert "your drawing" not in page.get("plotly_chart")[0].proto.spec


def drawing_and_ones(page: AppTest) -> tuple[np.ndarray, np.ndarray]:
    """Where the page draws the drawing, (2,), and where the digits labeled 1 lie, (n, 2)."""
    figure = json.loads(page.get("plotly_chart")[0].proto.spec)
    (trace,) = [trace for trace in figure["data"] if trace["name"] == "your drawing"]
    ones = [
        points.positions for points in points_by_label("mnist-sample", "tsne") if points.label == 1
    ]
    return np.array([trace["x"][0], trace["y"][0]]), np.concatenate(ones)


def test_a_drawing_in_which_no_digit_is_found_gets_its_sentence(page: AppTest) -> None:
    png = io.BytesIO()
    Image.new("RGB", (280, 280), "white").save(png, "PNG")
    page.session_state["canvas_png"] = png.getvalue()
    page.run()
    assert not page.exception
    assert len(page.warning) == 1


def test_the_digit_that_was_opened_last_is_marked(page: AppTest) -> None:
    page.session_state["index"] = 42
    page.run()
    spec = page.get("plotly_chart")[0].proto.spec
    assert "test digit 42" in spec
    assert position_of("mnist-sample", "test", 42) == 4042
    assert str(point_positions("mnist-sample", "pca")[4042][0].item())[:6] in spec
