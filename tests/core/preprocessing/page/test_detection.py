"""All digits of a picture: hand-made drawings and photos whose digits and lines are known."""

import contextlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from core.preprocessing.mnist_format import find_digit
from core.preprocessing.page.detection import FoundDigit, find_page
from core.utils.errors import PictureError
from tests.helpers.made_pictures import Image, difference, on_page


def sheet(width: int = 560, height: int = 280) -> Image:
    return np.full((height, width), 255, np.uint8)


def write(page: Image, text: str, x: int, y: int, size: float = 3.0, pen: int = 9) -> None:
    cv2.putText(page, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, 0, pen, cv2.LINE_AA)


def drawn(page: Image) -> tuple[FoundDigit, ...]:
    return find_page(page, ink="dark", paper=255).digits


def lefts(detections: tuple[FoundDigit, ...]) -> list[int]:
    return [detection.digit.box[0] for detection in detections]


def test_a_single_digit_is_what_find_digit_makes_of_it(digits: Image) -> None:
    for digit in digits[::4]:
        page = on_page(digit, 150, 70, 40)
        (detection,) = drawn(page)
        alone = find_digit(page, ink="dark", paper=255)
        np.testing.assert_array_equal(detection.digit.pixels, alone.pixels)
        assert detection.digit.box == alone.box


def test_digits_side_by_side_are_each_as_if_alone(digits: Image) -> None:
    left, right = on_page(digits[3], 140, 60, 60), on_page(digits[7], 180, 60, 40)
    detections = drawn(np.hstack([left, right]))
    assert len(detections) == 2
    for detection, page in zip(detections, (left, right), strict=True):
        assert difference(detection.digit.pixels, find_digit(page).pixels) < 1
        assert [step.name for step in detection.digit.steps][-1] == "center"


def test_two_slanted_lines_are_read_one_after_the_other() -> None:
    page = sheet(900, 700)
    for row in range(2):
        for column in range(6):
            x = 60 + 130 * column
            write(page, str(column), x, 180 + 200 * row + int(0.22 * x))  # about 12 degrees
    detections = drawn(page)
    assert [detection.line for detection in detections] == [0] * 6 + [1] * 6
    assert lefts(detections[:6]) == sorted(lefts(detections[:6]))
    assert lefts(detections[6:]) == sorted(lefts(detections[6:]))


def test_digits_that_stand_together_are_a_number() -> None:
    page = sheet(900)
    write(page, "27", 40, 180)
    write(page, "5", 350, 180)
    write(page, "801", 600, 180)
    assert [detection.number for detection in drawn(page)] == [0, 0, 1, 2, 2, 2]


@pytest.mark.parametrize(("apart", "numbers"), [(60, [0, 0]), (79, [0, 0]), (180, [0, 1])])
def test_two_thin_1s_are_11_unless_they_stand_far_apart(apart: int, numbers: list[int]) -> None:
    page = sheet()
    for x in (80, 80 + apart):
        cv2.line(page, (x, 90), (x, 190), 0, 12)
    assert [detection.number for detection in drawn(page)] == numbers


def test_the_loose_bar_of_a_5_is_part_of_it() -> None:
    page = sheet()
    cv2.ellipse(page, (90, 150), (35, 35), 0, -100, 140, 0, 10)
    page[90:100, 85:130] = 0
    write(page, "1", 250, 190)
    detections = drawn(page)
    assert len(detections) == 2
    assert detections[0].digit.box[1] == 90


def test_the_strokes_of_an_open_4_are_one_digit() -> None:
    page = sheet()
    cv2.polylines(page, [np.array([[100, 60], [70, 140], [150, 140]], np.int32)], False, 0, 10)
    cv2.line(page, (135, 50), (135, 125), 0, 10)
    cv2.line(page, (135, 125), (135, 210), 0, 10)
    write(page, "1", 300, 200)
    assert len(drawn(page)) == 2


def test_touching_zeros_are_cut_apart() -> None:
    page = sheet()
    for x in (150, 241):
        cv2.ellipse(page, (x, 140), (40, 60), 0, 0, 360, 0, 12)
    detections = drawn(page)
    assert len(detections) == 2
    for detection, x in zip(detections, (150, 241), strict=True):
        left, _, width, _ = detection.digit.box
        assert abs(left + width / 2 - x) < 12
        assert detection.digit.pixels[14, 14] == 0  # each still has its hole


def test_a_wide_0_and_a_slanted_0_stay_whole() -> None:
    for axes, turn in (((70, 55), 0), ((80, 40), -40)):
        page = sheet()
        cv2.ellipse(page, (250, 140), axes, turn, 0, 360, 0, 12)
        assert len(drawn(page)) == 1


def test_specks_are_dropped_and_a_lone_1_stays() -> None:
    page = sheet()
    write(page, "8", 60, 180)
    write(page, "1", 250, 180)
    write(page, "3", 400, 180)
    clean = drawn(page)
    cv2.circle(page, (200, 60), 4, 0, -1)
    cv2.line(page, (360, 186), (356, 196), 0, 4)  # a comma
    dirty = drawn(page)
    assert len(clean) == len(dirty) == 3
    assert lefts(clean) == lefts(dirty)


def photo(page: Image, seed: int = 1) -> Image:
    """A lit and grainy photo of a drawing."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(1.0, 0.6, page.shape[1])[None, :]
    lit = (50 + page * (180 / 255)) * slope + rng.normal(0, 3, page.shape)
    return np.clip(lit, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("squared", [False, True])
def test_rules_are_dropped_and_strokes_across_them_stay_whole(squared: bool) -> None:
    page = sheet(900, 600)
    write(page, "285", 150, 250, 4, 12)
    write(page, "93", 300, 480, 4, 12)
    bare = find_page(photo(page)).digits
    for y in range(20, 600, 46):
        cv2.line(page, (0, y), (900, y + 40), 150, 2, cv2.LINE_AA)
    if squared:
        for x in range(10, 900, 46):
            cv2.line(page, (x, 0), (x - 30, 600), 150, 2, cv2.LINE_AA)
    detections = find_page(photo(page)).digits
    assert [detection.line for detection in detections] == [0, 0, 0, 1, 1]
    for ruled, clean in zip(detections, bare, strict=True):
        assert np.abs(np.subtract(ruled.digit.box, clean.digit.box)).max() <= 14
        # A box that differs by a pixel may move the center of mass by one, too.
        moved = [
            np.roll(ruled.digit.pixels, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)
        ]
        assert min(difference(pixels, clean.digit.pixels) for pixels in moved) < 32


def test_chalk_on_a_board_is_read_like_ink_on_paper() -> None:
    page = sheet(700, 400)
    write(page, "4096", 120, 250, 4, 12)
    ink, chalk = find_page(photo(page)).digits, find_page(255 - photo(page)).digits
    assert len(ink) == len(chalk) == 4
    for inked, chalked in zip(ink, chalk, strict=True):
        assert difference(inked.digit.pixels, chalked.digit.pixels) < 8


def test_a_table_around_the_sheet_is_no_ink() -> None:
    page = sheet(800, 600)
    write(page, "72", 250, 350, 4, 12)
    turn = cv2.getRotationMatrix2D((400, 300), 8, 0.85)
    seen = cv2.warpAffine(page, turn, (800, 600), borderValue=60)
    assert len(find_page(photo(np.asarray(seen, np.uint8))).digits) == 2


def shadowed(page: Image, depth: float, soft: float) -> Image:
    """A photo of a drawing with the shadow of a corner on it, a third of which it covers."""
    shade = np.zeros(page.shape, np.float32)
    corners = np.array([[0, 0], [420, 60], [330, 330], [0, 400]], np.int32)
    cv2.fillPoly(shade, [corners], 1.0)
    lit = photo(page) * (1 - depth * cv2.GaussianBlur(shade, (0, 0), soft))
    return np.clip(lit, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("soft", [8.0, 14.0])
@pytest.mark.parametrize("text", ["3", "8", "1"])
def test_a_shadow_that_ends_on_a_digit_is_no_ink(text: str, soft: float) -> None:
    page = sheet(700, 500)
    write(page, text, 310, 300, 5, 16)
    (alone,) = find_page(photo(page)).digits
    (detection,) = find_page(shadowed(page, 0.4, soft)).digits
    assert np.abs(np.subtract(detection.digit.box, alone.digit.box)).max() <= 10


def test_the_known_tone_of_the_paper_must_be_a_tone() -> None:
    for tone in (-1, 256):
        with pytest.raises(ValueError, match=str(tone)):
            find_page(sheet(), paper=tone)


def test_boxes_are_in_the_pixels_of_the_given_picture() -> None:
    page = sheet(3200, 1600)
    page[400:1200, 800:960] = 0
    page[400:1200, 1600:1760] = 0
    boxes = [detection.digit.box for detection in drawn(page)]
    np.testing.assert_allclose(boxes, [(800, 400, 160, 800), (1600, 400, 160, 800)], atol=4)


def test_a_blank_page_is_told_in_a_sentence() -> None:
    for blank in (sheet(), np.zeros((300, 300, 3), np.uint8)):
        with pytest.raises(PictureError, match="Nothing is drawn") as caught:
            find_page(blank)
        assert str(caught.value).endswith(".")


@pytest.mark.parametrize("cell", [1, 7, 60])
@pytest.mark.parametrize("kind", ["checks", "stripes", "bars", "noise"])
def test_textures_give_few_digits_or_a_sentence(kind: str, cell: int) -> None:
    y, x = np.indices((800, 1000)) // cell
    rng = np.random.default_rng(cell)
    pictures = {
        "checks": (x + y) % 2 * 255,
        "stripes": y % 2 * 255,
        "bars": x % 2 * 255,
        "noise": rng.integers(0, 256, (800, 1000)),
    }
    with contextlib.suppress(PictureError):
        assert len(find_page(pictures[kind].astype(np.uint8)).digits) <= 200


shapes = st.tuples(st.integers(0, 60), st.integers(0, 60)) | st.tuples(
    st.integers(1, 40), st.integers(1, 90), st.sampled_from([1, 3, 4])
)


@settings(max_examples=150)
@given(
    npst.arrays(np.uint8, shapes)
    | npst.arrays(np.uint8, shapes, elements=st.sampled_from([0, 255])),
    st.sampled_from([None, 255, 0]),
)
def test_any_array_gives_digits_or_a_sentence(picture: Image, paper: int | None) -> None:
    try:
        detections = find_page(picture, paper=paper).digits
    except PictureError:
        return
    assert detections
    for detection in detections:
        x, y, width, height = detection.digit.box
        assert detection.digit.pixels.shape == (28, 28)
        assert detection.digit.pixels.max() > 0
        assert 0 <= x < x + width <= picture.shape[1]
        assert 0 <= y < y + height <= picture.shape[0]


def test_what_all_ink_is_as_one_digit_can_be_asked_for() -> None:
    page = sheet()
    write(page, "3", 60, 180)
    write(page, "8", 300, 180)
    (both,) = find_page(page, explanation="single digit").digits
    first, second = drawn(page)
    assert abs(both.digit.box[0] - first.digit.box[0]) <= 8
    assert abs(sum(both.digit.box[::2]) - sum(second.digit.box[::2])) <= 8
    assert find_page(page).alternative == "single digit"


def test_a_page_without_digits_is_told_where_a_page_is_asked_for() -> None:
    with pytest.raises(PictureError, match="No digit was found"):
        find_page(sheet(), explanation="page")


def squares(shape: tuple[int, int], step: int, thick: int) -> Image:
    """1 on squared paper's rules."""
    page = np.zeros(shape, np.uint8)
    for y in range(step // 2, shape[0], step):
        cv2.line(page, (0, y), (shape[1], y + 12), 1, thick)
    for x in range(step // 2, shape[1], step):
        cv2.line(page, (x, 0), (x - 12, shape[0]), 1, thick)
    return page


@pytest.mark.parametrize(("step", "soft"), [(34, 1.5), (44, 1.5)])
def test_dark_squares_whose_soft_rims_cover_most_of_the_page_hide_no_digit(
    step: int, soft: float
) -> None:
    page = np.full((800, 1200), 255, np.uint8)
    for k, text in enumerate("3852"):
        cv2.putText(page, text, (160 + 240 * k, 500), 0, 5, 0, 18, cv2.LINE_AA)
    ink = cv2.connectedComponentsWithStats((page < 128).astype(np.uint8))[2][1:, :4]
    tones = np.where(squares(page.shape, step, 5) > 0, 125.0, 215.0)
    tones = np.minimum(tones, 45 + page * (170 / 255))
    seen = cv2.GaussianBlur(tones, (0, 0), soft) + np.random.default_rng(2).normal(
        0, 1.5, page.shape
    )
    detections = find_page(np.clip(seen, 0, 255).astype(np.uint8)).digits
    assert len(detections) == 4
    for detection, box in zip(detections, sorted(map(tuple, ink)), strict=True):
        # A rest of a rule, at most two squares long, may stay on a stroke.
        assert np.abs(np.subtract(detection.digit.box, box)).max() <= 2 * step
