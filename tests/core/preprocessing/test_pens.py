"""Digits redrawn in training: as a pen on a canvas draws them, repeatable, with their label."""

import numpy as np
import pytest

from benchmarks._pens import draw
from core.data import mnist
from core.data.augmentation import Augmentation
from core.inference.predictor import load_predictor
from core.preprocessing.mnist_format import find_digit
from core.preprocessing.pens import (
    FORMS,
    PenRedrawer,
    augmentation_sheet,
    center_lines,
    drawn_by_pen,
    pen_width,
    polylines,
    redraw,
    slanted,
)
from tests.helpers.networks import network_of

TRAIN = mnist.load("mnist-sample").train
FIRST = np.arange(200)


@pytest.fixture(scope="module")
def redrawer() -> PenRedrawer:
    return PenRedrawer(TRAIN.images, TRAIN.labels, seed=3)


def test_the_short_way_gives_what_a_canvas_and_find_digit_give() -> None:
    chance = np.random.default_rng(1)
    differences, ink = [], []
    for digit in TRAIN.images[:60]:
        lines = slanted(center_lines(digit), chance)
        width = pen_width(lines, chance)
        low, high = lines.box()
        scale = 230 / float((high - low + width).max())
        canvas = draw(
            lines.moved(np.eye(2) * scale, 25 - (low - width / 2) * scale), width * scale, 280, 280
        )
        whole = find_digit(canvas, ink="dark", paper=255).pixels.astype(int)
        short = drawn_by_pen(lines, width)
        differences.append(np.abs(whole - short).mean())
        ink.append(short.sum() / whole.sum())
    assert np.mean(differences) < 8  # of 255
    assert np.mean(ink) == pytest.approx(1, abs=0.06)


def test_redrawn_digits_have_mnists_form(redrawer: PenRedrawer) -> None:
    pictures = redrawer.batch(FIRST, step=0, share=1.0)
    assert (pictures.shape, pictures.dtype) == ((200, 28, 28), np.uint8)
    rows, columns = np.indices((28, 28))
    for picture in pictures:
        inked = np.argwhere(picture)
        sides = inked.max(axis=0) - inked.min(axis=0) + 1
        assert 18 <= sides.max() <= 22
        mass = picture.sum()
        center = (picture * rows).sum() / mass, (picture * columns).sum() / mass
        assert center == pytest.approx((14, 14), abs=2.5)


def test_they_are_still_read_as_their_label(redrawer: PenRedrawer) -> None:
    pictures = redrawer.batch(FIRST, step=1, share=1.0)
    answers = load_predictor(network_of("best")).probabilities(pictures).argmax(axis=1)
    assert (answers == TRAIN.labels[FIRST]).mean() > 0.95


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_says_how_many_are_redrawn(redrawer: PenRedrawer, share: float) -> None:
    pictures = redrawer.batch(FIRST, step=2, share=share)
    changed = (pictures != TRAIN.images[FIRST]).any(axis=(1, 2)).mean()
    assert changed == pytest.approx(share, abs=0.1)


def test_seed_and_step_decide_every_pixel(redrawer: PenRedrawer) -> None:
    first = redrawer.batch(FIRST, step=5, share=0.5)
    again = PenRedrawer(TRAIN.images, TRAIN.labels, seed=3).batch(FIRST, step=5, share=0.5)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, redrawer.batch(FIRST, step=6, share=0.5))
    other = PenRedrawer(TRAIN.images, TRAIN.labels, seed=4).batch(FIRST, step=5, share=0.5)
    assert not np.array_equal(first, other)
    assert np.array_equal(TRAIN.images, mnist.load("mnist-sample").train.images)


def test_a_blank_digit_stays_as_it_is() -> None:
    blank = np.zeros((28, 28), np.uint8)
    lines = center_lines(blank)
    for seed in range(20):
        assert redraw(blank, lines, 3, np.random.default_rng(seed)) is None
    blanks = PenRedrawer(blank[None], np.array([3]), seed=0)
    assert not blanks.batch(np.zeros(5, int), step=0, share=1.0).any()


@pytest.mark.parametrize("label", sorted({label for label, _ in FORMS}))
def test_other_forms_are_read_as_what_they_are(label: int) -> None:
    chance = np.random.default_rng(2)
    forms = [strokes for of, strokes in FORMS if of == label]
    pictures = np.stack(
        [drawn_by_pen(polylines(forms[k % len(forms)], chance, bent=0.02), 2.5) for k in range(40)]
    )
    answers = load_predictor(network_of("best")).probabilities(pictures).argmax(axis=1)
    assert (answers == label).mean() >= 0.9


def test_the_preview_shows_digits_and_below_them_what_training_sees() -> None:
    digits, labels = TRAIN.images[:10], TRAIN.labels[:10]
    turned = augmentation_sheet(digits, labels, Augmentation(rotation=30), rows=3, seed=0)
    assert turned.shape == (4 * 28, 10 * 28)
    assert np.array_equal(turned[:28], np.hstack(list(digits)))
    redrawn = augmentation_sheet(digits, labels, Augmentation(pens=1), rows=1, seed=0)
    expected = PenRedrawer(digits, labels, 0).batch(np.arange(10), 0, 1.0)
    assert np.array_equal(redrawn[28:], np.hstack(list(expected)))
