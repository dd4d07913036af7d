"""Runs as points: which is where, and whose it is."""

import math

from core.figures.run_charts import RunPoint, errors_by_parameters


def test_each_run_is_a_point_with_its_name_and_ticks_are_plain_numbers() -> None:
    points = [
        RunPoint("small", 40_000, 276, "of a tutorial"),
        RunPoint("large", 600_000, 34, "ours"),
        RunPoint("a<b>", 90_000, 100, "ours"),
    ]
    chart = errors_by_parameters(points)
    theirs, ours = chart.data
    assert (theirs.name, list(theirs.x), list(theirs.y)) == ("of a tutorial", [40_000], [276])
    assert list(ours.customdata) == ["large", "a<b>"]
    assert ours.text[1] == "a&lt;b&gt;"
    # Names stand on the side that has room.
    assert list(ours.textposition) == ["middle left", "middle right"]
    assert chart.layout.xaxis.type == chart.layout.yaxis.type == "log"
    ticks = dict(zip(chart.layout.yaxis.tickvals, chart.layout.yaxis.ticktext, strict=True))
    assert ticks[100] == "100"
    assert {50, 200} <= set(ticks)
    assert all(math.log10(tick) % 1 < 0.7 for tick in ticks)


def test_a_chart_of_no_run_is_empty() -> None:
    assert len(errors_by_parameters([]).data) == 0
