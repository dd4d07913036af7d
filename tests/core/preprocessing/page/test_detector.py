"""The network that finds digits: its input, its size, and what it says of a plain picture."""

import json

import numpy as np

from core.preprocessing.page import detector
from tests.helpers.made_pictures import Image, on_page


def test_the_input_compares_each_tone_with_its_surroundings() -> None:
    flat = np.full((64, 64), 200, np.uint8)
    assert not detector.to_input(flat)[..., 1].any()
    dim = flat // 2
    flat[30:34, 30:34], dim[30:34, 30:34] = 100, 50
    bright, dark = detector.to_input(flat)[32, 32, 1], detector.to_input(dim)[32, 32, 1]
    assert bright < -3
    assert abs(bright - dark) < 0.45 * abs(bright)  # half the light changes little


def test_it_is_as_small_as_it_is_said_to_be() -> None:
    model = detector.load_detector()
    assert model.count_params() <= 300_000
    note = json.loads(detector.DETECTOR_FILE.with_suffix(".json").read_text(encoding="utf-8"))
    assert note["parameters"] == model.count_params()
    assert note["command"].startswith("python -m benchmarks.train_detector")


def test_a_digit_has_its_center_in_its_middle_and_its_ink_where_it_was_written(
    digits: Image,
) -> None:
    page = on_page(digits[20], 40, 60, 30)[:128, :128]
    ((ink, centers, offsets),) = detector.detect([page])
    assert ink.shape == (128, 128, 2)
    assert centers.shape == (32, 32, len(detector.KINDS))
    assert offsets.shape == (32, 32, 2)
    row, column = np.unravel_index(centers[..., 0].argmax(), (32, 32))
    rows, columns = np.nonzero(page < 128)
    middle = ((rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2)
    assert np.hypot(4 * row + 2 - middle[0], 4 * column + 2 - middle[1]) < 6
    assert ink[rows, columns, 0].mean() > 0.8
    assert ink[page == 255, 0].mean() < 0.1


def test_an_empty_sheet_has_no_center() -> None:
    ((_, centers, _),) = detector.detect([np.full((96, 160), 255, np.uint8)])
    assert centers.max() < 0.2


def test_copies_that_are_shown_together_get_the_answers_that_each_gets_alone(
    digits: Image,
) -> None:
    copies = [on_page(digits[k], 40, 20, 20)[:side, :side] for k, side in ((20, 128), (3, 96))]
    together = detector.detect(copies)
    alone = [detector.detect([copy])[0] for copy in copies]
    for first, second in zip(together, alone, strict=True):
        for name in ("ink", "centers", "offsets"):
            np.testing.assert_allclose(getattr(first, name), getattr(second, name), atol=1e-4)
