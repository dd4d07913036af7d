"""Figures and the palette: what a reader of the chart would notice."""

import tomllib

import pytest

from core import ROOT
from core.figures import style
from core.figures.prediction_charts import probability_bars

CONFIG = ROOT / ".streamlit" / "config.toml"


def test_bars_show_every_digit_from_0_at_the_top_with_its_probability() -> None:
    probabilities = [0.0, 0.004, 0.1, 0.05, 0.5, 0.046, 0.2, 0.05, 0.05, 0.0]
    figure = probability_bars(probabilities)
    bars = figure.data[0]
    assert list(bars.x) == probabilities
    assert list(bars.y) == [str(digit) for digit in range(10)]
    assert figure.layout.yaxis.autorange == "reversed"


def test_the_answer_stands_out_by_color_and_by_weight() -> None:
    bars = probability_bars([0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.9, 0.02, 0.01]).data[0]
    assert bars.marker.color[7] == style.ANSWER_COLOR
    assert set(bars.marker.color) == {style.ANSWER_COLOR, style.OTHER_COLOR}
    assert [k for k, text in enumerate(bars.text) if "<b>" in text] == [7]


def test_nothing_to_show_yet_is_ten_empty_rows() -> None:
    bars = probability_bars(None).data[0]
    assert list(bars.x) == [0] * 10
    assert set(bars.text) == {""}
    assert style.ANSWER_COLOR not in bars.marker.color


def test_anything_but_ten_probabilities_is_refused() -> None:
    with pytest.raises(ValueError, match="ten"):
        probability_bars([0.5, 0.5])


def test_pages_and_theme_share_the_ten_digit_colors() -> None:
    theme = tomllib.loads(CONFIG.read_text())["theme"]
    assert tuple(theme["chartCategoricalColors"]) == style.DIGIT_COLORS
    assert len(set(style.DIGIT_COLORS)) == 10
    assert {name: theme[name]["textColor"] for name in ("light", "dark")} == style.TEXT_COLORS


def test_pages_and_theme_share_the_scale_around_zero() -> None:
    theme = tomllib.loads(CONFIG.read_text())["theme"]
    for name in ("light", "dark"):
        assert tuple(theme[name]["chartDivergingColors"]) == style.DIVERGING_SCALES[name]
