"""The digit detector's answer as a picture: ink is colored and nothing else, centers are marked."""

import numpy as np

from core.explain.detector_layers import Center, CopyAnswer
from core.figures.detector_images import KIND_COLORS, answer_image, tint_ink

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (24, 32), np.uint8)
INK = RNG.integers(0, 3, (24, 32), np.uint8)


def test_the_ink_is_colored_and_nothing_else() -> None:
    picture = tint_ink(PIXELS, INK)
    is_gray = (picture == picture[..., :1]).all(axis=-1)
    assert np.array_equal(is_gray, INK == 0)
    assert np.array_equal(picture[INK == 0][:, 0], PIXELS[INK == 0])


def test_digits_are_blue_and_signs_orange() -> None:
    picture = tint_ink(PIXELS, INK).astype(int)
    red, blue = picture[..., 0], picture[..., 2]
    assert (blue > red)[INK == 1].all()
    assert (red > blue)[INK == 2].all()
    assert len(set(KIND_COLORS.values())) == 2


def drawn(*centers: Center) -> np.ndarray:
    blank = np.full((48, 64), 120, np.uint8)
    answer = CopyAnswer(64, blank, np.zeros_like(blank), centers)
    return answer_image(answer, 256)


def test_a_copy_is_enlarged_without_blur() -> None:
    answer = CopyAnswer(32, PIXELS, INK, ())
    picture = answer_image(answer, 128)
    assert picture.shape == (96, 128, 3)
    assert np.array_equal(picture[::4, ::4], tint_ink(PIXELS, INK))
    assert answer_image(answer, 10).shape == (24, 32, 3)


def test_centers_are_marked_by_their_shape() -> None:
    digit = drawn(Center("digit", 30, 22, 0.9))
    sign = drawn(Center("sign", 30, 22, 0.9))
    x, y = 4 * 30 + 2, 4 * 22 + 2
    changed = (digit != 120).any(axis=-1)
    rows, columns = np.nonzero(changed)
    assert (abs(rows - y).max(), abs(columns - x).max()) < (14, 14)
    assert (digit[y, x] < 60).all()  # the cross meets there, the circle is open
    assert (sign[y, x] == 120).all()
    assert (sign[y, x - 9] < 60).all()
    for picture in (digit, sign):  # dark in a white rim: it can be seen on any tone
        assert (picture == 255).all(axis=-1).any()
