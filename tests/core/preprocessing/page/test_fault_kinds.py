"""Pictures of the kinds that were once read wrong, each with its right value.

Every picture goes the way of an upload: all that is in it is found and read by the shipped network.
"""

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.inference.predictor import load_predictor
from core.inference.reader import DigitReading, group_lines, read_digits
from core.inference.temperature import run_temperature
from core.preprocessing.page.detection import find_page
from core.runs import registry
from core.utils.errors import PictureError
from tests.helpers.made_pictures import Image
from tests.helpers.networks import network_of
from tests.helpers.sample_digits import sample_digits

Points = list[tuple[int, int]]


@cache
def temperature() -> float:
    return run_temperature(registry.find_run("best"))


def readings(picture: Image) -> tuple[tuple[DigitReading, ...], str]:
    """What the app reads in an upload: of each digit, and as text."""
    page = find_page(picture)
    ask = load_predictor(network_of("best")).probabilities
    answers = read_digits(page.digits, ask, temperature())
    return answers, " / ".join(group_lines(answers, page.signs))


def text_in(picture: Image) -> str:
    return readings(picture)[1]


@cache
def digit(label: int, height: int) -> Image:
    """The sample's first upright digit, cropped and enlarged smoothly: light on black."""
    images, labels = sample_digits()
    for image in images[labels == label]:
        x, y, w, h = cv2.boundingRect((image > 40).astype(np.uint8))
        if w <= 0.72 * h:
            crop = image[y : y + h, x : x + w]
            break
    size = (max(4, round(crop.shape[1] * height / crop.shape[0])), height)
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC))


def put(page: Image, ink: Image, x: int, y: int) -> None:
    """Write light ink as dark ink on a white page."""
    region = page[y : y + ink.shape[0], x : x + ink.shape[1]]
    np.minimum(region, 255 - ink, out=region)


def sheet(height: int, width: int, tone: int = 255) -> Image:
    return np.full((height, width), tone, np.uint8)


def stroke(page: Image, points: Points, pen: int, tone: int = 0, *, closed: bool = False) -> None:
    cv2.polylines(page, [np.array(points, np.int32)], closed, tone, pen, cv2.LINE_AA)


def grainy(page: NDArray[np.floating], amount: float = 3.0) -> Image:
    noise = np.random.default_rng(1).normal(0, amount, page.shape)
    return np.clip(page + noise, 0, 255).astype(np.uint8)


class TestStrokesAreNoRuledLines:
    def test_an_upright_1_of_one_pixel_in_28_pixels(self) -> None:
        page = sheet(28, 28)
        page[4:24, 14] = 0
        assert text_in(page) == "1"

    def test_a_4_with_a_straight_stem_in_28_pixels(self) -> None:
        page = sheet(28, 28)
        for start, end in (((9, 4), (6, 14)), ((6, 14), (20, 14)), ((16, 4), (16, 24))):
            cv2.line(page, start, end, 0, 1)
        assert text_in(page) == "4"

    def test_a_number_by_a_thin_pen_with_narrow_margins(self) -> None:
        page = sheet(310, 1090)
        cv2.putText(page, "174219", (55, 250), cv2.FONT_HERSHEY_SIMPLEX, 8.2, 0, 5, cv2.LINE_AA)
        assert text_in(page) == "174219"

    def test_a_crossed_7_by_a_pen_of_one_pixel(self) -> None:
        page = sheet(257, 260)
        stroke(page, [(70, 45), (190, 45), (115, 215)], 1)
        stroke(page, [(100, 128), (190, 122)], 1)
        assert text_in(page) == "7"


class TestInkAtTheBorder:
    @pytest.mark.parametrize("gap", [6, 1, 0])
    def test_an_8_that_touches_the_right_border_of_a_photo(self, gap: int) -> None:
        page = np.full((90, 90, 3), 200.0)
        mask = np.zeros((90, 90), np.uint8)
        middle = 90 - gap - 23
        cv2.ellipse(mask, (middle, 28), (15, 16), 0, 0, 360, 255, 8, cv2.LINE_AA)
        cv2.ellipse(mask, (middle, 62), (18, 18), 0, 0, 360, 255, 8, cv2.LINE_AA)
        share = mask[..., None] / 255.0
        page = page * (1 - share) + np.array([35, 50, 140]) * share
        assert text_in(grainy(page, 6)) == "8"


class TestLinesAndFramesBesideDigits:
    def test_one_full_height_line_hides_none_of_25_digits(self) -> None:
        page = sheet(900, 900)
        expected = []
        for row in range(5):
            labels = [(3 * row + 2 * column) % 10 for column in range(5)]
            for column, label in enumerate(labels):
                put(page, digit(label, 95), 60 + 165 * column, 40 + 170 * row)
            expected.append(" ".join(map(str, labels)))
        page[:, 880:890] = 0
        assert text_in(page).replace(" ", "") == "/".join(expected).replace(" ", "")

    @pytest.mark.parametrize("thick", [5, 8])
    def test_a_digit_in_a_frame(self, thick: int) -> None:
        page = sheet(200, 200)
        cv2.rectangle(page, (30, 20), (170, 180), 0, thick)
        put(page, digit(5, 100), 70, 50)
        assert text_in(page) == "5"

    def test_a_comb_of_six_form_cells(self) -> None:
        page = sheet(120, 620)
        for column in range(7):
            cv2.line(page, (40 + 90 * column, 20), (40 + 90 * column, 100), 0, 3)
        cv2.line(page, (40, 20), (580, 20), 0, 3)
        cv2.line(page, (40, 100), (580, 100), 0, 3)
        for column, label in enumerate((2, 7, 0, 3, 9, 8)):
            put(page, digit(label, 52), 65 + 90 * column, 34)
        assert text_in(page).replace(" ", "") == "270398"

    def test_a_circle_around_a_5(self) -> None:
        page = sheet(300, 300)
        cv2.circle(page, (150, 150), 110, 0, 6, cv2.LINE_AA)
        put(page, digit(5, 100), 105, 100)
        assert text_in(page) == "5"

    def test_a_sudoku_is_read_cell_by_cell(self) -> None:
        page = sheet(760, 760)
        cells = {(0, 0): 5, (0, 4): 7, (2, 8): 6, (3, 1): 8, (4, 4): 3, (6, 2): 9, (8, 8): 2}
        for k in range(10):
            thick = 5 if k % 3 == 0 else 2
            cv2.line(page, (20 + 80 * k, 20), (20 + 80 * k, 740), 0, thick)
            cv2.line(page, (20, 20 + 80 * k), (740, 20 + 80 * k), 0, thick)
        for (row, column), label in cells.items():
            put(page, digit(label, 50), 42 + 80 * column, 35 + 80 * row)
        answers, _ = readings(page)
        places = {
            ((y + h // 2 - 20) // 80, (x + w // 2 - 20) // 80): answer.text
            for answer in answers
            for x, y, w, h in [answer.detection.digit.box]
        }
        assert places == {place: str(label) for place, label in cells.items()}


class TestNoDigits:
    @pytest.mark.parametrize("seed", range(4))
    def test_blots_are_never_sure(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        page = np.full((400, 500), 190.0)
        for _ in range(6):
            x, y = rng.integers(60, 340, 2)
            axes = (int(rng.integers(10, 60)), int(rng.integers(10, 60)))
            cv2.ellipse(page, (int(x), int(y)), axes, float(rng.uniform(0, 180)), 0, 360, 90, -1)
        page = cv2.GaussianBlur(page, (0, 0), 6)
        assert not is_sure(grainy(page))

    def test_fingers_are_never_sure(self) -> None:
        page = np.full((480, 640), 215.0)
        for k in range(4):
            x = 180 + 75 * k
            cv2.line(page, (x, 480), (x + 10 * (k - 1), 130 + 30 * abs(k - 1)), 150, 56)
            cv2.line(page, (x - 24, 480), (x - 24 + 10 * (k - 1), 160), 125, 6)
        page = cv2.GaussianBlur(page, (0, 0), 3)
        assert not is_sure(grainy(page))

    def test_the_edge_of_a_table_is_never_sure(self) -> None:
        page = np.full((480, 640), 220.0)
        page[:, 560:] = 70
        page[430:, :] = 60
        assert not is_sure(grainy(cv2.GaussianBlur(page, (0, 0), 1.5)))


def is_sure(picture: Image) -> bool:
    try:
        answers, _ = readings(picture)
    except PictureError:
        return False
    return any(answer.verdict.kind == "sure" for answer in answers)


@pytest.mark.parametrize("wood", [False, True])
def test_a_small_sheet_on_a_dark_desk(wood: bool) -> None:
    desk = np.full((1000, 1400), 45.0)
    if wood:
        desk += 14 * np.sin(np.arange(1000) / 9)[:, None] + 6 * np.sin(np.arange(1400) / 31)
    note = sheet(300, 700)
    for k, label in enumerate((3, 8, 6)):
        put(note, digit(label, 130), 130 + 170 * k, 85)
    desk[350:650, 350:1050] = 60 + note * (170 / 255)
    assert text_in(grainy(cv2.GaussianBlur(desk, (0, 0), 1))).replace(" ", "") == "386"


class TestSplitAndLostDigits:
    def test_an_8_of_two_rings_that_stand_apart(self) -> None:
        page = sheet(280, 280)
        cv2.ellipse(page, (140, 85), (36, 40), 0, 0, 360, 0, 10, cv2.LINE_AA)
        cv2.ellipse(page, (140, 190), (44, 47), 0, 0, 360, 0, 10, cv2.LINE_AA)
        assert text_in(page) == "8"

    def test_digits_of_shrinking_size_are_all_there(self) -> None:
        page = sheet(340, 700)
        x = 40
        for label, height in ((5, 270), (2, 110), (8, 70)):
            ink = digit(label, height)
            put(page, ink, x, 305 - height)
            x += ink.shape[1] + 60
        assert text_in(page).replace(" ", "") == "528"

    def test_a_2_with_a_thin_middle(self) -> None:
        page = sheet(280, 280)
        stroke(page, [(85, 85), (105, 55), (150, 50), (180, 80), (175, 115)], 14)
        stroke(page, [(175, 115), (140, 160), (105, 200)], 2)
        stroke(page, [(105, 200), (90, 222), (195, 222)], 14)
        assert text_in(page) == "2"


class TestSigns:
    def test_a_slash_between_numbers(self) -> None:
        page = sheet(200, 620)
        for label, x in ((3, 30), (4, 160), (1, 400), (3, 490)):
            put(page, digit(label, 100), x, 50)
        stroke(page, [(350, 30), (305, 170)], 9)
        assert text_in(page).replace(" ", "") == "34/13"

    def test_a_minus_a_point_and_a_comma(self) -> None:
        page = sheet(200, 860)
        stroke(page, [(30, 100), (75, 100)], 9)
        put(page, digit(3, 100), 110, 50)
        cv2.circle(page, (226, 145), 7, 0, -1, cv2.LINE_AA)
        put(page, digit(7, 100), 255, 50)
        put(page, digit(5, 100), 530, 50)
        stroke(page, [(656, 138), (654, 152), (646, 170)], 9)
        put(page, digit(8, 100), 690, 50)
        assert text_in(page) == "-3.7 5,8"


RARE_FORMS = {
    "a slashed zero": ("0", [[(140, 50), (95, 80), (85, 140), (95, 200), (140, 230), (185, 200),
                              (195, 140), (185, 80), (140, 50)], [(185, 62), (95, 218)]]),
    "a European 1": ("1", [[(95, 130), (160, 50), (160, 230)]]),
    "a 7 with a bar": ("7", [[(90, 60), (190, 60), (120, 230)], [(100, 145), (185, 140)]]),
    "an open 4": ("4", [[(110, 55), (90, 150), (200, 150)], [(165, 80), (160, 230)]]),
    "a looped 2": ("2", [[(95, 85), (120, 52), (165, 60), (180, 95), (160, 140), (115, 200),
                          (92, 215), (88, 195), (105, 185), (135, 205), (195, 215)]]),
    "a 6 with a straight back": ("6", [[(165, 50), (105, 165), (110, 210), (145, 230), (180, 210),
                                        (180, 175), (150, 155), (108, 175)]]),
    "a 9 with a straight back": ("9", [[(175, 90), (150, 55), (110, 65), (100, 105), (125, 135),
                                        (165, 120), (177, 85), (177, 230)]]),
}  # fmt: skip


@pytest.mark.parametrize("form", RARE_FORMS)
@pytest.mark.parametrize("pen", [4, 14])
def test_forms_that_mnist_hardly_has(form: str, pen: int) -> None:
    label, strokes = RARE_FORMS[form]
    page = sheet(280, 280)
    for points in strokes:
        stroke(page, points, pen)
    assert text_in(page) == label


class TestLines:
    def test_digits_at_uneven_heights_are_one_line(self) -> None:
        page = sheet(300, 640)
        for k, (label, y) in enumerate([(4, 40), (9, 120), (1, 60), (6, 160), (3, 90)]):
            put(page, digit(label, 90), 40 + 120 * k, y)
        assert text_in(page).replace(" ", "") == "49163"

    def test_a_digit_above_another_begins_a_line(self) -> None:
        page = sheet(320, 300)
        put(page, digit(7, 100), 100, 30)
        put(page, digit(2, 100), 105, 190)
        assert text_in(page) == "7 / 2"
