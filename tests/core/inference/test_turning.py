"""Turned pages: which turn is suggested, and in which direction a picture is turned."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.data import mnist
from core.inference.predictor import load_predictor
from core.inference.turning import suggest_turn, turn_picture
from core.utils.validation import Predict
from tests.helpers.networks import network_of


@pytest.fixture(scope="module")
def ask() -> Predict:
    return load_predictor(network_of("best")).probabilities


def written(*labels: int) -> NDArray[np.uint8]:
    """Test digits of the sample, which no limit was chosen on: the third one of each label."""
    test = mnist.load("mnist-sample").test
    return np.stack([test.images[np.flatnonzero(test.labels == label)[2]] for label in labels])


def lying(digits: NDArray[np.uint8], side: str) -> NDArray[np.uint8]:
    """Digits whose top points to that side."""
    return {
        "up": digits,
        "right": digits[:, ::-1].transpose(0, 2, 1),
        "down": digits[:, ::-1, ::-1],
        "left": digits.transpose(0, 2, 1)[:, ::-1],
    }[side].copy()


@pytest.mark.parametrize(("side", "turns"), [("up", 0), ("left", 1), ("down", 2), ("right", 3)])
def test_what_lies_on_its_side_is_to_be_turned_upright(ask: Predict, side: str, turns: int) -> None:
    assert suggest_turn(lying(written(7, 4, 3, 2), side), ask) == turns


def test_the_turn_that_is_suggested_makes_the_digits_upright() -> None:
    page = written(7)[0]
    for side, turns in (("left", 1), ("down", 2), ("right", 3)):
        turned = turn_picture(lying(page[None], side)[0], turns)
        assert np.array_equal(turned, page)
        assert turned.flags.c_contiguous


def test_colors_stay_with_their_pixels_and_four_turns_change_nothing() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    turned = turn_picture(picture, 1)
    assert turned.shape == (6, 4, 3)
    assert turned[0, 3].tolist() == picture[0, 0].tolist()  # the corner goes from left to right
    assert np.array_equal(turn_picture(turned, -1), picture)
    assert np.array_equal(turn_picture(picture, 4), picture)


def test_a_single_digit_suggests_nothing(ask: Predict) -> None:
    for side in ("up", "left", "down", "right"):
        assert suggest_turn(lying(written(7), side), ask) == 0
    assert suggest_turn(np.zeros((0, 28, 28), np.uint8), ask) == 0


def test_digits_that_are_the_same_upside_down_suggest_nothing(ask: Predict) -> None:
    for side in ("up", "down"):
        assert suggest_turn(lying(written(0, 8, 1), side), ask) == 0


def test_upright_pairs_are_left_alone_and_sideways_ones_nearly_all_found(ask: Predict) -> None:
    test = mnist.load("mnist-sample").test
    pairs = np.random.default_rng(0).permutation(len(test)).reshape(-1, 2)[:150]
    upright = [suggest_turn(test.images[pair], ask) for pair in pairs]
    sideways = [suggest_turn(lying(test.images[pair], "left"), ask) for pair in pairs]
    assert np.count_nonzero(upright) <= 1
    assert sideways.count(1) >= 130


def test_pieces_of_digits_among_them_do_not_hide_the_turn(ask: Predict) -> None:
    digits = lying(written(7, 4, 3, 2), "left")
    pieces = np.zeros((3, 28, 28), np.uint8)
    pieces[:, 12:16, 4:24] = 255
    assert suggest_turn(np.concatenate([digits, pieces]), ask) == 1


def test_of_a_long_page_only_some_digits_are_asked() -> None:
    asked: list[int] = []

    def ask_and_count(digits: NDArray[np.uint8]) -> NDArray[np.float32]:
        asked.append(len(digits))
        return np.full((len(digits), 10), 0.1, np.float32)

    assert suggest_turn(np.repeat(written(7, 4), 100, axis=0), ask_and_count) == 0
    assert asked == [24] * 4


def test_other_shapes_are_refused(ask: Predict) -> None:
    with pytest.raises(ValueError, match="28, 28"):
        suggest_turn(np.zeros((2, 27, 28), np.uint8), ask)
