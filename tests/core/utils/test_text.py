"""Numbers in words: what a reader would find wrong."""

import pytest

from core.utils.text import (
    DIGIT_PLURALS,
    countdown,
    digit_with_article,
    duration,
    file_size,
    p_value,
    percent,
    percent_of,
    percent_with_small,
    small_percent,
)


@pytest.mark.parametrize(
    ("fraction", "words"),
    [(0, "0 %"), (0.002, "< 1 %"), (0.37, "37 %"), (0.994, "> 99 %"), (1, "100 %")],
)
def test_percent_never_rounds_to_certainty(fraction: float, words: str) -> None:
    assert percent(fraction) == words


@pytest.mark.parametrize(
    ("fraction", "words"),
    [(0, "0 %"), (9e-7, "< 0.01 %"), (0.0031, "0.31 %"), (0.05, "5.0 %"), (0.123, "12 %")],
)
def test_a_tiny_part_is_never_written_as_a_power_of_ten(fraction: float, words: str) -> None:
    assert small_percent(fraction) == words


def test_only_a_small_probability_has_decimals() -> None:
    asked = (0.0, 0.0031, 0.01, 0.126, 0.994)
    assert [percent_with_small(part) for part in asked] == [
        "0 %",
        "0.31 %",
        "1 %",
        "13 %",
        "> 99 %",
    ]


@pytest.mark.parametrize(
    ("part", "whole", "decimals", "words"),
    [
        (991, 1009, 1, "98.2 %"),
        (0, 5, 1, "0.0 %"),
        (5, 5, 1, "100.0 %"),
        (9999, 10000, 1, "> 99.9 %"),
        (9999, 10000, 2, "99.99 %"),
        (1, 10000, 1, "< 0.1 %"),
        (99999, 100000, 2, "> 99.99 %"),
    ],
)
def test_a_rate_is_never_rounded_to_none_or_all(
    part: int, whole: int, decimals: int, words: str
) -> None:
    assert percent_of(part, whole, decimals) == words


def test_a_p_value_has_two_figures_and_is_never_none() -> None:
    asked = (0.5, 0.012, 0.00034, 1e-9)
    assert [p_value(p) for p in asked] == ["50 %", "1.2 %", "0.034 %", "less than 0.01 %"]


def test_every_digit_has_its_plural_and_article() -> None:
    assert DIGIT_PLURALS[6] == "sixes"
    assert len(DIGIT_PLURALS) == 10
    assert (digit_with_article(8), digit_with_article(1), digit_with_article(9)) == (
        "an eight",
        "a one",
        "a nine",
    )


def test_times_and_sizes_are_said_as_people_say_them() -> None:
    asked = (0.01, 0.42, 12.4, 180, 7800)
    assert [duration(t) for t in asked] == ["0.1 s", "0.4 s", "12 s", "3 min", "2 h 10 min"]
    assert [countdown(t) for t in (0.4, 9, 12.4)] == ["0 s", "9 s", "12 s"]
    assert [file_size(n) for n in (41_000, 200_000, 12_000_000)] == ["41 kB", "0.2 MB", "12 MB"]
