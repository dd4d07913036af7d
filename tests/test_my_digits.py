"""A visitor's own labelled digits: kept, replaced, forgotten, and what a run answers on them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from core import datasets
from core.errors import DatasetError, RunError
from core.my_digits import MOST, MyDigit, MyDigits, keep, label_of, my_answers, without

SAMPLE = datasets.load("mnist-sample").test
ONE, TWO = SAMPLE.images[0], SAMPLE.images[1]


def labelled(count: int) -> MyDigits:
    digits: MyDigits = ()
    for k in range(count):
        digits = keep(digits, SAMPLE.images[k], int(SAMPLE.labels[k]))
    return digits


def test_a_digit_is_kept_with_its_label_and_the_same_picture_replaces_it() -> None:
    digits = keep(keep(keep((), ONE, 3), TWO, 5), ONE, 8)
    assert [one.label for one in digits] == [5, 8]
    assert (label_of(digits, ONE), label_of(digits, TWO)) == (8, 5)
    assert label_of(digits, SAMPLE.images[2]) is None
    assert [one.label for one in without(digits, ONE)] == [5]
    assert without((), ONE) == ()


def test_what_was_kept_is_a_copy_that_nobody_changes() -> None:
    drawing = ONE.copy()
    (kept,) = keep((), drawing, 3)
    drawing[:] = 0
    assert np.array_equal(kept.pixels, ONE)
    with pytest.raises(ValueError, match="read-only"):
        kept.pixels[0, 0] = 1


def test_no_more_than_so_many_are_kept_and_the_oldest_go() -> None:
    digits: MyDigits = ()
    for k in range(MOST + 3):
        picture = np.zeros((28, 28), np.uint8)
        picture[0, :2] = divmod(k, 256)
        digits = keep(digits, picture, k % 10)
    assert len(digits) == MOST
    assert digits[0].pixels[0, 1] == 3
    assert digits[-1].label == (MOST + 2) % 10


@pytest.mark.parametrize(
    ("pixels", "label"),
    [
        (np.zeros((28, 27), np.uint8), 1),
        (np.zeros((28, 28)), 1),
        (ONE.copy(), 10),
        (ONE.copy(), -1),
    ],
)
def test_nonsense_is_refused(pixels: NDArray[np.uint8], label: int) -> None:
    with pytest.raises(ValueError, match=r"expected uint8|0 to 9"):
        MyDigit(pixels, label)


def test_a_run_answers_on_them_as_on_its_test_digits() -> None:
    from core.answered import stored

    this = my_answers(labelled(40), "best")
    known = stored("best", "mnist-sample")
    assert (this.run, this.epoch, this.dataset, this.held_out) == ("best", None, "mine", True)
    assert np.array_equal(this.images, SAMPLE.images[:40])
    assert np.array_equal(this.labels, SAMPLE.labels[:40])
    assert this.probabilities == pytest.approx(known.probabilities[:40], abs=1e-4)
    assert not this.probabilities.flags.writeable


def test_a_run_after_an_epoch_answers_otherwise() -> None:
    early, late = my_answers(labelled(40), "fast", 1), my_answers(labelled(40), "fast")
    assert early.epoch == 1
    assert early.who == "fast (epoch 1)"
    assert not np.allclose(early.probabilities, late.probabilities, atol=1e-3)


def test_without_digits_or_without_a_run_there_is_a_sentence() -> None:
    with pytest.raises(DatasetError, match="Draw some on the Predict page"):
        my_answers((), "best")
    with pytest.raises(RunError, match="There is no run 'nobody'"):
        my_answers(labelled(1), "nobody")


def seven(width: int) -> tuple[str, bytes, str]:
    """A picture file of a seven, drawn with a pen of that width."""
    picture = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(picture).line([(60, 40), (140, 40), (90, 170)], fill=0, width=width)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return "seven.png", file.getvalue(), "image/png"


@pytest.fixture
def page(app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AppTest:
    """The Predict page with an uploaded seven."""
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path))
    app.run()
    app.switch_page("pages/predict.py").run()
    app.segmented_control(key="way").set_value("Upload").run()
    return app.file_uploader(key="upload").set_value(seven(14)).run()


def asked(page: AppTest) -> Any:
    """The control under the answer."""
    assert not page.exception
    (control,) = [one for one in page.button_group if one.label == "What did you mean?"]
    return control


def kept(page: AppTest) -> list[int]:
    assert not page.exception
    digits = page.session_state.get("my-digits", ())
    assert all(one.pixels.shape == (28, 28) for one in digits)
    told = [one.value for one in page.caption if "labelled in this visit" in one.value]
    assert [words.split(" labelled")[0] for words in told] == (
        [f"{len(digits)} digit{'s' if len(digits) > 1 else ''}"] if digits else []
    )
    return [one.label for one in digits]


def test_a_click_keeps_another_corrects_and_the_same_again_takes_back(page: AppTest) -> None:
    assert kept(page) == []
    asked(page).set_value(7).run()
    assert kept(page) == [7]
    asked(page).set_value(1).run()
    assert kept(page) == [1]
    asked(page).set_value(None).run()
    assert kept(page) == []


def test_each_picture_has_its_own_label_and_all_are_forgotten_together(page: AppTest) -> None:
    asked(page).set_value(7).run()
    page.file_uploader(key="upload").set_value(seven(30)).run()
    assert asked(page).value is None
    asked(page).set_value(1).run()
    assert kept(page) == [7, 1]
    page.file_uploader(key="upload").set_value(seven(14)).run()
    assert asked(page).value == 7
    page.button(key="my-digits-forget").click().run()
    assert kept(page) == []
    assert asked(page).value is None


def answers() -> None:
    import streamlit as st

    from core import datasets
    from core.my_digits import keep
    from pages.widgets.my_digits import my_answered

    sample = datasets.load("mnist-sample").test
    digits = st.session_state.setdefault("my-digits", keep((), sample.images[0], 4))
    first = my_answered("best")
    same = first is my_answered("best")
    st.session_state["my-digits"] = keep(digits, sample.images[1], 5)
    st.write(f"{same} {len(first)} {len(my_answered('best'))}")


def test_the_answers_are_the_same_object_until_a_digit_comes() -> None:
    view = AppTest.from_function(answers, default_timeout=60).run()
    assert not view.exception
    assert view.markdown[0].value == "True 1 2"
