"""What the gate is trained on: apart from what it is tested on, and the same for a same seed."""

import unicodedata

import cv2
import numpy as np
import pytest

from benchmarks import _broken_digits, _hand_signs, _not_digits, _other_things
from benchmarks._gate_network import moved
from benchmarks._glyphs import HELD_OUT_FONTS, RUBIK
from benchmarks._not_digits import CYRILLIC, UNSEEN
from benchmarks.train_digit_gate import DIGITS, NOTHING, makers, ways_of_nothing
from core.data import mnist
from core.data.mnist import Split
from core.preprocessing import pens
from core.preprocessing.digitness import NO_DIGIT_CLASS


@pytest.fixture(scope="module")
def digits() -> Split:
    return mnist.load("mnist-sample").train


def test_no_font_and_no_sign_of_the_test_is_trained_on() -> None:
    fonts = {*_other_things.BOLD_TOO, *_other_things.SYMBOL_FONTS}
    assert not fonts & {*HELD_OUT_FONTS, RUBIK}
    assert not any(name.startswith("cm") for name in fonts)
    signs = {sign for _, sign in _other_things.symbols()}
    assert len(signs) > 1000
    assert not signs & {*CYRILLIC, *"♥☺⌂#"}
    assert not any("CYRILLIC" in unicodedata.name(sign, "") for sign in signs)


def test_no_sign_is_a_digit_in_another_script() -> None:
    signs = {sign for _, sign in _other_things.symbols()}
    assert not [sign for sign in signs if unicodedata.category(sign).startswith("N")]
    assert not signs & {*"ɔɜ○◯∘∣│٧"}  # rings, strokes, a turned c, what looks like a 3 or a 7
    assert {"∑", "→", "ש", "π" if "π" in signs else "∞"} <= signs


def test_every_kind_is_made_the_same_for_a_same_seed(digits: Split) -> None:
    ways = makers(digits)
    assert set(ways) == {*DIGITS, *NOTHING}
    for kind, way in ways.items():
        tries = [way(np.random.default_rng([5, k])) for k in range(4)]
        made = [(picture, label) for picture, label in tries if picture is not None]
        assert made, kind
        again = [way(np.random.default_rng([5, k])) for k in range(4)]
        for (picture, label), (other, _) in zip(tries, again, strict=True):
            if picture is None or other is None:
                assert picture is other
                continue
            assert picture.shape == (28, 28)
            assert picture.dtype == np.uint8
            assert (label == NO_DIGIT_CLASS) is (kind in NOTHING)
            np.testing.assert_array_equal(picture, other)


def test_what_the_test_alone_has_is_no_kind_of_training(digits: Split) -> None:
    trained = ways_of_nothing(digits.images, digits.labels)
    tested = _not_digits.testing(digits.images, digits.labels)
    assert not set(UNSEEN) & set(trained)
    assert {*trained} & {*tested} == {
        "letters", "signs", "scribbles", "shapes", "textures", "overlaid", "halves",
    }  # fmt: skip


def test_every_hand_written_sign_has_a_size() -> None:
    for sign in (*_hand_signs.HAND_LETTERS, *_hand_signs.HAND_SIGNS):
        dots = [dot for part in sign.split("|") for dot in part.split()]
        assert all(len(dot) == 2 for dot in dots), sign
        assert np.ptp([[int(x) for x in dot] for dot in dots], axis=0).max() >= 6, sign


def test_half_a_digit_by_pen_is_what_lies_on_that_side() -> None:
    page = np.zeros((28, 28), np.uint8)
    cv2.rectangle(page, (8, 4), (20, 24), 255, 2)
    lines = pens.center_lines(page)
    for side, axis, sign in (("l", 0, -1), ("r", 0, 1), ("t", 1, -1), ("b", 1, 1)):
        kept = _broken_digits._half(lines, side, np.random.default_rng(3))
        assert kept is not None
        assert sign * (np.median(kept.points[:, axis]) - 14) > 1


def test_batches_are_moved_a_little_and_alike_for_a_same_seed(digits: Split) -> None:
    batch = digits.images[:64]
    made = moved(batch, np.random.default_rng(1))
    assert made.shape == (64, 28, 28, 1)
    assert made.dtype == np.float32
    assert 0 <= made.min() < made.max() <= 1
    np.testing.assert_array_equal(made, moved(batch, np.random.default_rng(1)))
    assert (made != moved(batch, np.random.default_rng(2))).any()
    ink = batch.reshape(64, -1).sum(axis=1) / 255
    kept = made.reshape(64, -1).sum(axis=1)
    assert np.abs(kept / ink - 1).max() < 0.3  # sizes from 0.92² to 1.08², and nothing lost
    y, x = np.mgrid[0:28, 0:28]
    for original, changed in zip(batch / 255, made[..., 0], strict=True):
        before = np.array([(y * original).sum(), (x * original).sum()]) / original.sum()
        after = np.array([(y * changed).sum(), (x * changed).sum()]) / changed.sum()
        assert np.abs(before - after).max() < 4
