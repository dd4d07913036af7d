"""The scenes that the detector learns from: what they say is there is there."""

import numpy as np
import pytest

from benchmarks._detector_ink import SIDE, SIGNS, InkBank, sign
from benchmarks._detector_scenes import CELL, LARGEST, OFFSET_UNIT, SMALLEST, scene
from benchmarks.train_detector import FIRST_STEPS, LATE_RATE, RATE, learning_rate
from core.preprocessing.page import detector
from tests.helpers.sample_digits import sample_digits

SCENES = 60


@pytest.fixture(scope="module")
def bank() -> InkBank:
    images, labels = sample_digits()
    return InkBank(images[::50], labels[::50], lines=40)


@pytest.mark.parametrize("late", [False, True])
def test_a_center_lies_among_the_ink_that_leads_to_it(bank: InkBank, late: bool) -> None:
    led = 0
    for number in range(SCENES):
        pixels, truth = scene(bank, np.random.default_rng((1, number)), late=late)
        assert pixels.shape == truth.ink.shape == (SIDE, SIDE)
        assert pixels.dtype == np.uint8
        centers = np.argwhere(truth.centers.max(axis=-1) == 1)
        rows, columns = np.nonzero(truth.owned)
        ends = np.stack([rows, columns], axis=1) * CELL + CELL / 2
        ends = ends + OFFSET_UNIT * truth.offsets[rows, columns][:, ::-1]
        for end in ends:
            nearest = np.abs(centers * CELL + CELL / 2 - end).max(axis=1).min()
            assert nearest <= CELL
            led += 1
    assert led > SCENES


def test_late_scenes_show_slashes_among_digits_and_much_that_is_no_digit(bank: InkBank) -> None:
    slash = detector.KINDS.index("/")
    kinds, without_digits = [], 0
    for number in range(2 * SCENES):
        pixels, truth = scene(bank, np.random.default_rng((3, number)), late=True)
        at_center = truth.centers == 1
        kinds.append(at_center.any(axis=(0, 1)))
        without_digits += bool(not truth.ink.any() and truth.asked.all() and np.ptp(pixels) > 60)
    assert np.array(kinds)[:, [0, slash]].all(axis=1).sum() > 3
    assert without_digits > SCENES // 10


def test_the_same_seed_gives_the_same_scene_and_another_one_another(bank: InkBank) -> None:
    first, again, other = (scene(bank, np.random.default_rng(k))[0] for k in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_ink_stands_out_from_its_paper(bank: InkBank) -> None:
    contrasts = []
    for number in range(SCENES):
        pixels, truth = scene(bank, np.random.default_rng((2, number)))
        if (truth.ink == 1).sum() > 50:
            ink = float(np.median(pixels[truth.ink == 1]))
            contrasts.append(abs(ink - float(np.median(pixels[truth.ink == 0]))))
    assert np.median(contrasts) > 30


def test_scenes_and_detector_agree_on_grid_and_sizes() -> None:
    assert CELL == detector.STRIDE
    assert OFFSET_UNIT == detector.OFFSET_UNIT
    assert LARGEST > 2 * SMALLEST  # each digit has a trained size in one of the halved copies


@pytest.mark.parametrize("kind", SIGNS)
def test_signs_have_the_shape_of_their_kind(kind: str) -> None:
    rng = np.random.default_rng(0)
    shapes = np.array([sign(kind, 60, rng).shape for _ in range(20)], np.float64)
    tall = float(np.median(shapes[:, 0] / shapes[:, 1]))
    expected = {".": (0.6, 1.7), ",": (1.2, 4), "-": (0, 0.6), "/": (1.5, 6)}[kind]
    assert expected[0] <= tall <= expected[1]


def test_the_learning_rate_falls_and_begins_anew_for_the_late_scenes() -> None:
    last = FIRST_STEPS + 1200
    rates = [learning_rate(step, last) for step in (0, 300, FIRST_STEPS - 1, FIRST_STEPS, last - 1)]
    assert rates[0] < 0.02 * RATE
    assert rates[1] > 0.95 * RATE
    assert rates[2] < 0.02 * RATE
    assert rates[3] == pytest.approx(LATE_RATE)
    assert rates[4] < 0.02 * LATE_RATE
