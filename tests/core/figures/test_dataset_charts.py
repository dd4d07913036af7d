"""The dataset's figures: what a reader sees on them."""

import pytest

from core.figures.dataset_charts import class_bars, gray_histogram

COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_each_bar_says_its_count_in_its_digits_color() -> None:
    (bars,) = class_bars(COUNTS).data
    assert bars.text[1] == "1,135"
    assert list(bars.y) == COUNTS
    assert len(set(bars.marker.color)) == 10


def test_no_gray_value_without_pixels_stands_on_a_logarithmic_axis() -> None:
    figure = gray_histogram([5] + [0] * 254 + [7])
    (line,) = figure.data
    assert figure.layout.yaxis.type == "log"
    assert [value for value in line.y if value is not None] == [5, 7]


@pytest.mark.parametrize("wrong", [[], [1] * 9])
def test_other_counts_are_refused(wrong: list[int]) -> None:
    with pytest.raises(ValueError, match="ten counts"):
        class_bars(wrong)
    with pytest.raises(ValueError, match="256 counts"):
        gray_histogram(wrong)


def test_the_text_takes_the_themes_color() -> None:
    figure = class_bars(COUNTS, "#e8ecf1")
    assert figure.layout.font.color == figure.layout.xaxis.tickfont.color == "#e8ecf1"
