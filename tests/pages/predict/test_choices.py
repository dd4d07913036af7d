"""The Predict page: signs in the text, turned pictures, the other explanation of doubtful ones."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.inference.turning import turn_picture
from core.preprocessing.page.detection import Explanation, FoundPage, FoundSign, find_page
from core.preprocessing.page.detector import Kind
from core.utils.errors import PictureError
from tests.pages.predict import test_page
from tests.pages.predict.test_page import CHOICE, File, picture, stand_in, told

no_own_runs, uploaded = test_page.no_own_runs, test_page.uploaded
Upload = Callable[..., AppTest]
Look = Callable[..., FoundPage]
SOURCE = "pages.widgets.predict.source"


@pytest.fixture(autouse=True)
def predict_page(app: AppTest) -> None:
    """The Predict page is open: its modules can be imported only while the app runs."""
    app.run()
    app.switch_page("pages/predict.py").run()


def turned(file: File, quarter_turns: int, name: str = "turned.png") -> File:
    with Image.open(io.BytesIO(file[1])) as upright:
        pixels = turn_picture(np.array(upright), quarter_turns)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return name, data.getvalue(), "image/png"


def with_sign(text: Kind) -> Look:
    """Finds the digits as they are, and a sign behind the first one, which it belongs to."""

    def look(pixels: NDArray[np.uint8], **options: object) -> FoundPage:
        page = find_page(pixels)
        first = page.digits[0].digit.box
        sign = FoundSign(text, (first[0] + first[2] + 2, first[1] + first[3] - 6, 4, 4), 0, 0)
        return replace(page, signs=(sign,))

    return look


def metrics(app: AppTest) -> list[str]:
    return [metric.value for metric in app.metric]


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception


def test_signs_stand_in_the_number_and_in_the_table(
    uploaded: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{SOURCE}.find_page", with_sign("."))
    monkeypatch.setattr("pages.widgets.predict.batch.find_page", with_sign("/"))
    app = uploaded(picture("717", name="a.png"), picture("71", name="b.png"))
    assert metrics(app) == ["7.17"]
    assert app.selectbox(key=CHOICE).options == ["1. a.png: 7/17", "2. b.png: 7/1"]


def test_a_single_digit_keeps_its_sign(uploaded: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(pixels: NDArray[np.uint8], **options: object) -> FoundPage:
        return replace(find_page(pixels), signs=(FoundSign("-", (5, 60, 20, 8), 0, 0),))

    monkeypatch.setattr(f"{SOURCE}.find_page", look)
    assert metrics(uploaded(picture("7"))) == ["-7"]


def test_a_picture_is_turned_and_stays_so_when_another_was_looked_at(uploaded: Upload) -> None:
    app = uploaded(turned(picture("717"), -1), picture("71", name="other.png"))
    press(app, "Turn right")
    assert metrics(app) == ["717"]
    assert app.selectbox(key=CHOICE).options[0] == "1. turned.png: 717"
    app.selectbox(key=CHOICE).select_index(1).run()
    assert metrics(app) == ["71"]
    app.selectbox(key=CHOICE).select_index(0).run()
    assert metrics(app) == ["717"]
    press(app, "Turn right")
    press(app, "Turn left")
    assert metrics(app) == ["717"]


def test_turning_gives_the_same_pixels_again(uploaded: Upload) -> None:
    app = uploaded(picture("71"))
    before = app.session_state["predict_open"].pixels
    press(app, "Turn left")
    assert app.session_state["predict_open"].pixels.shape == (*before.shape[1::-1], 3)
    for _ in range(3):
        press(app, "Turn left")
    assert np.array_equal(app.session_state["predict_open"].pixels, before)
    assert app.session_state["predict_open"].key == app.session_state["predict_open"].file


def test_corrections_belong_to_the_picture_as_it_is_turned(uploaded: Upload) -> None:
    app = uploaded(picture("717"))
    app.session_state["predict_placed"] = _one_box(app)
    del app.session_state["predict_found"]
    app.run()
    assert metrics(app) == ["7"]
    press(app, "Turn right")
    assert "Detect the digits again" not in labels(app)
    press(app, "Turn left")
    assert metrics(app) == ["7"]
    press(app, "Detect the digits again")
    assert metrics(app) == ["717"]


def _one_box(app: AppTest) -> dict[str, object]:
    """Corrections that leave the first digit only."""
    from pages.widgets.predict.source import Corrections

    first = app.session_state["predict_found"][1].digits[0].digit.box
    return {app.session_state["predict_open"].key: Corrections(((first, 0, 0),), ())}


def test_a_better_turn_is_suggested_with_its_button(uploaded: Upload) -> None:
    app = uploaded(turned(picture("717"), 2))
    assert "These digits read better after a half turn." in told(app)
    press(app, "Turn the picture")
    assert metrics(app) == ["717"]
    assert "read better" not in told(app)
    assert "Turn the picture" not in labels(app)


@pytest.mark.parametrize(("turns", "words"), [(1, "to the right"), (3, "to the left")])
def test_the_suggestion_says_the_direction_and_is_worked_out_once(
    uploaded: Upload, monkeypatch: pytest.MonkeyPatch, turns: int, words: str
) -> None:
    asked: list[int] = []

    def suggest(digits: NDArray[np.uint8], predict: object) -> int:
        asked.append(len(digits))
        return turns

    monkeypatch.setattr(f"{SOURCE}.suggest_turn", suggest)
    app = uploaded(picture("717"))
    assert f"after a quarter turn {words}." in told(app)
    app.run()
    assert asked == [3]
    press(app, "Turn the picture")
    assert app.session_state["predict_open"].turn == turns


def test_a_drawing_is_not_turned(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> int:
        raise AssertionError("a turn was worked out for a drawing")

    monkeypatch.setattr(f"{SOURCE}.suggest_turn", never)
    app.session_state["canvas_png"] = picture("71")[1]
    app.run()
    app.switch_page("pages/predict.py").run()
    assert not app.exception
    assert metrics(app) == ["71"]
    assert not {"Turn left", "Turn right"} & set(labels(app))


def two_ways(asked: list[Explanation | None]) -> Look:
    """Finds a page whose alternative is one digit, and that digit if it is asked for."""

    def look(
        pixels: NDArray[np.uint8], *, explanation: Explanation | None, **options: object
    ) -> FoundPage:
        asked.append(explanation)
        page = replace(find_page(pixels), explanation="page", alternative="single digit")
        if explanation == "single digit":
            return FoundPage(page.digits[:1], (), "single digit")
        return page

    return look


def test_a_doubtful_answer_offers_the_other_explanation_and_the_way_back(
    uploaded: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, [0, 0, 0, 0, 0.55, 0, 0, 0, 0, 0.45])
    monkeypatch.setattr("core.inference.reader.digitness", lambda pixels: np.ones(len(pixels)))
    asked: list[Explanation | None] = []
    monkeypatch.setattr(f"{SOURCE}.find_page", two_ways(asked))
    app = uploaded(picture("717"))
    app.run()
    assert asked == [None]  # the alternative is not worked out before it is asked for
    assert "This answer is doubtful. The picture may show a single digit." in told(app)
    press(app, "Read it as one digit")
    assert metrics(app) == ["4 or 9?"]
    assert "You chose to read this picture as one digit." in told(app)
    assert asked == [None, "single digit"]
    press(app, "Back to the first reading")
    assert metrics(app) == ["444"]
    assert "Read it as one digit" in labels(app)


def test_a_sure_answer_offers_nothing(uploaded: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    monkeypatch.setattr("core.inference.reader.digitness", lambda pixels: np.ones(len(pixels)))

    def look(pixels: NDArray[np.uint8], **options: object) -> FoundPage:
        page = find_page(pixels)
        digits = tuple(replace(digit, score=1.0) for digit in page.digits)
        return replace(page, digits=digits, alternative="single digit")

    monkeypatch.setattr(f"{SOURCE}.find_page", look)
    app = uploaded(picture("717"))
    assert metrics(app) == ["444"]
    assert "doubtful" not in told(app)


def test_one_doubtful_digit_may_be_read_as_a_page(
    uploaded: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(
        pixels: NDArray[np.uint8], *, explanation: Explanation | None, **options: object
    ) -> FoundPage:
        page = find_page(pixels)
        if explanation == "page":
            return replace(page, explanation="page", alternative="single digit")
        return FoundPage((replace(page.digits[0], score=0.1),), (), "single digit", "page")

    monkeypatch.setattr(f"{SOURCE}.find_page", look)
    app = uploaded(picture("71"))
    assert "The picture may show separate digits." in told(app)
    press(app, "Read it as a page of digits")
    assert metrics(app) == ["71"]
    assert "Back to the first reading" in labels(app)


def test_a_choice_that_leads_nowhere_keeps_the_way_back(
    uploaded: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(
        pixels: NDArray[np.uint8], *, explanation: Explanation | None, **options: object
    ) -> FoundPage:
        if explanation:
            raise PictureError("All of this is no digit: draw a box around each.")
        digits = tuple(replace(digit, score=0.1) for digit in find_page(pixels).digits)
        return FoundPage(digits, (), "page", "single digit")

    monkeypatch.setattr(f"{SOURCE}.find_page", look)
    monkeypatch.setattr("pages.widgets.predict.batch.find_page", look)
    app = uploaded(picture("71", name="a.png"), picture("7", name="b.png"))
    press(app, "Read it as one digit")
    assert "draw a box around each" in told(app)
    assert app.selectbox(key=CHOICE).options[0] == "1. a.png: no digit"
    press(app, "Back to the first reading")
    assert metrics(app) == ["71"]


def test_of_many_choices_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    import streamlit as st

    from pages.widgets.predict import choices

    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(choices, "_MOST_KEPT", 2)
    for file in ("a", "b", "c"):
        choices.turn(file, 1)
    assert [choices.turn_of(file) for file in ("a", "b", "c")] == [0, 1, 1]
    choices.turn("c", -1)
    assert choices.turn_of("c") == 0
