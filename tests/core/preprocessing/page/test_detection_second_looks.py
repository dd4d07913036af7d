"""Photos in which nothing looks like a digit at first, and what is made of them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.inference.predictor import load_predictor
from core.preprocessing.mnist_format import PreparedDigit, find_digit
from core.preprocessing.page.detection import clearest_reading, find_digits
from core.utils.errors import PictureError
from tests.core.preprocessing.page.test_illumination import around, drawn, lit
from tests.helpers.made_pictures import on_page
from tests.helpers.networks import network_of
from tests.helpers.sample_digits import sample_digits

SIDE = 400
# Corners of shadows over an 8, a 2 and a 9.
EIGHT = [(288, 532), (18, 744), (201, 100), (400, 654), (559, -6)]
TWO = [(308, -19), (425, 390), (25, 618), (649, 510), (73, 347)]
NINE = [(440, 693), (148, -34), (380, 283), (46, 265)]


@pytest.fixture(scope="module")
def clear() -> PreparedDigit:
    """The sample's first 3, 120 pixels large."""
    images, labels = sample_digits()
    three = images[np.flatnonzero(labels == 3)[0]]
    return find_digit(on_page(three, 120, 140, 140))


@pytest.fixture(scope="module")
def noise(clear: PreparedDigit) -> PreparedDigit:
    return replace(clear, pixels=np.random.default_rng(0).integers(0, 256, (28, 28)).astype("u1"))


def says(probability: float) -> Any:
    """A network that is that sure of any digit."""
    return lambda pixels: np.full((len(pixels), 10), probability, np.float32)


def chosen(first: list[PreparedDigit], *looks: Any, sure: float = 0.5) -> list[PreparedDigit]:
    ways: list[Callable[[], list[PreparedDigit]]] = [lambda look=look: [look] for look in looks]
    return list(clearest_reading(first, ways, lambda digit: digit, SIDE, says(sure)))


def test_a_digit_that_only_another_look_shows_is_taken(
    clear: PreparedDigit, noise: PreparedDigit
) -> None:
    assert chosen([noise], noise, clear) == [clear]
    assert chosen([noise, noise], clear, sure=0.95) == [clear]


def test_nothing_else_is_tried_where_something_looks_like_a_digit(
    clear: PreparedDigit, noise: PreparedDigit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never() -> list[PreparedDigit]:
        raise AssertionError

    assert clearest_reading([noise, clear], [never], lambda digit: digit, SIDE, says(0.5)) == [
        noise,
        clear,
    ]
    # ... or where it hardly does and the network has no doubt.
    monkeypatch.setattr(
        "core.preprocessing.page.detection.digitness", lambda pixels: np.full(len(pixels), 0.2)
    )
    assert clearest_reading([noise], [never], lambda digit: digit, SIDE, says(0.95)) == [noise]
    with pytest.raises(AssertionError):
        clearest_reading([noise], [never], lambda digit: digit, SIDE, says(0.5))


def test_where_no_look_shows_a_digit_the_first_one_stays(noise: PreparedDigit) -> None:
    other = replace(noise, pixels=noise.pixels.T.copy())
    assert chosen([noise], other) == [noise]

    def empty() -> list[PreparedDigit]:
        raise PictureError("Nothing is drawn.")

    assert clearest_reading([noise], [empty], lambda digit: digit, SIDE, says(0.5)) == [noise]


def test_what_is_tiny_in_the_picture_is_not_believed(
    clear: PreparedDigit, noise: PreparedDigit
) -> None:
    tiny = replace(clear, box=(10, 10, 12, 30))
    assert chosen([noise], tiny) == [noise]


@pytest.mark.parametrize(
    ("text", "at", "size", "pen", "depth", "soft", "corners"),
    [
        ("8", (144, 454), 6, 18, 0.4, 4, EIGHT),
        ("2", (137, 450), 6, 18, 0.5, 7, TWO),
        ("9", (175, 421), 4, 20, 0.3, 7, NINE),
    ],
)
def test_a_digit_in_the_point_of_a_dark_shadow_is_found(
    text: str,
    at: tuple[int, int],
    size: float,
    pen: int,
    depth: float,
    soft: float,
    corners: list[tuple[int, int]],
) -> None:
    page = drawn((700, 650), text, at, size, pen)
    judge = load_predictor(network_of("fast")).probabilities
    (detection,) = find_digits(lit(page, corners, depth, soft), predict=judge)
    assert np.abs(np.subtract(detection.digit.box, around(page))).max() <= 8
