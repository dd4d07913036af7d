"""A visitor's own labeled digits: kept, replaced, forgotten, and what a run answers on them."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from core.data import mnist
from core.evaluation.user_digits import (
    MAX_DIGITS,
    UserDigit,
    UserDigits,
    add_digit,
    add_digits,
    find_label,
    label_counts,
    user_predictions,
    without_digit,
)
from core.runs import registry
from core.runs.run import Network
from core.utils.errors import DatasetError

SAMPLE = mnist.load("mnist-sample").test
ONE, TWO = SAMPLE.images[0], SAMPLE.images[1]


def labeled(count: int) -> UserDigits:
    return tuple(UserDigit(SAMPLE.images[k].copy(), int(SAMPLE.labels[k])) for k in range(count))


def test_a_digit_is_kept_with_its_label_and_the_same_picture_replaces_it() -> None:
    digits = add_digit(add_digit(add_digit((), ONE, 3), TWO, 5), ONE, 8)
    assert [digit.label for digit in digits] == [5, 8]
    assert (find_label(digits, ONE), find_label(digits, TWO)) == (8, 5)
    assert find_label(digits, SAMPLE.images[2]) is None
    assert [digit.label for digit in without_digit(digits, ONE)] == [5]
    assert without_digit((), ONE) == ()


def test_what_was_kept_is_a_copy_that_nobody_changes() -> None:
    drawing = ONE.copy()
    (kept,) = add_digit((), drawing, 3)
    drawing[:] = 0
    assert np.array_equal(kept.pixels, ONE)
    with pytest.raises(ValueError, match="read-only"):
        kept.pixels[0, 0] = 1


def test_no_more_than_so_many_are_kept_and_the_oldest_go() -> None:
    digits: UserDigits = ()
    for k in range(MAX_DIGITS + 3):
        picture = np.zeros((28, 28), np.uint8)
        picture[0, :2] = divmod(k, 256)
        digits = add_digit(digits, picture, k % 10)
    assert len(digits) == MAX_DIGITS
    assert digits[0].pixels[0, 1] == 3
    assert digits[-1].label == (MAX_DIGITS + 2) % 10


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
        UserDigit(pixels, label)


def test_a_run_answers_on_them_as_on_its_test_digits() -> None:
    from core.runs.predictions import load_predictions

    predictions = user_predictions(labeled(40), Network(registry.find_run("best")))
    known = load_predictions(registry.find_run("best"), "mnist-sample")
    assert (predictions.name, predictions.dataset, predictions.held_out) == ("best", "mine", True)
    assert np.array_equal(predictions.images, SAMPLE.images[:40])
    assert np.array_equal(predictions.labels, SAMPLE.labels[:40])
    assert predictions.probabilities == pytest.approx(known.probabilities[:40], abs=1e-4)
    assert not predictions.probabilities.flags.writeable


def test_a_run_after_an_epoch_answers_otherwise() -> None:
    soorya = registry.find_run("soorya")
    early, late = (user_predictions(labeled(40), Network(soorya, epoch)) for epoch in (1, None))
    assert early.epoch == 1
    assert early.name == "soorya (epoch 1)"
    assert not np.allclose(early.probabilities, late.probabilities, atol=1e-3)


def test_without_digits_there_is_a_sentence() -> None:
    with pytest.raises(DatasetError, match="Draw some on the Predict page"):
        user_predictions((), Network(registry.find_run("best")))


def page() -> None:
    import streamlit as st

    from core.data import mnist
    from pages.widgets.shared.user_digits import remember

    sample = mnist.load("mnist-sample").test
    st.session_state["run"] = "best"
    remember(sample.images[st.session_state.get("which", 0)], answer=st.session_state.get("answer"))


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """A page that asks about one of the sample's digits; alone, so that no other can be linked."""
    monkeypatch.setattr("pages.widgets.shared.user_digits.pages", dict)
    return AppTest.from_function(page, default_timeout=60).run()


def another(view: AppTest, index: int) -> AppTest:
    """The same page with another picture."""
    view.session_state["which"] = index
    return view.run()


def asked(view: AppTest) -> Any:
    """The ten numbers."""
    assert not view.exception
    (control,) = [group for group in view.button_group if group.label == "What did you mean?"]
    return control


def kept(view: AppTest) -> list[int]:
    assert not view.exception
    digits = view.session_state.get("my-digits", ())
    assert all(digit.pixels.shape == (28, 28) for digit in digits)
    told = [caption.value for caption in view.caption if "labeled in this visit" in caption.value]
    assert [words.split(" labeled")[0] for words in told] == (
        [f"{len(digits)} digit{'s' if len(digits) > 1 else ''}"] if digits else []
    )
    return [digit.label for digit in digits]


def test_a_click_keeps_another_corrects_and_the_same_again_takes_back(asking: AppTest) -> None:
    assert kept(asking) == []
    asked(asking).set_value(7).run()
    assert kept(asking) == [7]
    asked(asking).set_value(1).run()
    assert kept(asking) == [1]
    asked(asking).set_value(None).run()
    assert kept(asking) == []


def test_each_picture_has_its_own_label_and_all_are_forgotten_together(asking: AppTest) -> None:
    asked(asking).set_value(7).run()
    another(asking, 1)
    assert asked(asking).value is None
    asked(asking).set_value(1).run()
    assert kept(asking) == [7, 1]
    another(asking, 0)
    assert asked(asking).value == 7
    asking.button(key="my-digits-forget").click().run()
    assert kept(asking) == []
    assert asked(asking).value is None


def pressed(view: AppTest) -> list[str]:
    """Which of "Right" and "Wrong: a 4" stands out, as what was said."""
    right = [button.label for button in view.button if button.proto.type == "primary"]
    wrong = [popover for popover in view.get("popover") if popover.proto.popover.type == "primary"]
    return right + [popover.proto.popover.label for popover in wrong]


def right_button(view: AppTest) -> Any:
    (button,) = [button for button in view.button if button.label == "Right"]
    return button


def known(view: AppTest) -> list[tuple[int, int | None, str]]:
    return [(digit.label, digit.answer, digit.run) for digit in view.session_state["my-digits"]]


def test_one_click_says_that_the_answer_is_right_or_what_was_meant(asking: AppTest) -> None:
    asking.session_state["answer"] = 4
    asking.run()
    assert (kept(asking), pressed(asking)) == ([], [])
    right_button(asking).click().run()
    assert (kept(asking), pressed(asking)) == ([4], ["Right"])
    asked(asking).set_value(9).run()
    assert (kept(asking), pressed(asking)) == ([9], ["Wrong: a 9"])
    assert known(asking) == [(9, 4, "best")]
    right_button(asking).click().run()
    assert (kept(asking), asked(asking).value) == ([4], 4)
    right_button(asking).click().run()
    assert (kept(asking), pressed(asking)) == ([], [])


def test_what_was_answered_is_remembered_through_a_change_of_the_label() -> None:
    digits = add_digit(add_digit((), ONE, 3, 8, "best (epoch 2)"), ONE, 5)
    assert [(digit.label, digit.answer, digit.run) for digit in digits] == [
        (5, 8, "best (epoch 2)")
    ]
    newer = add_digit(digits, ONE, 5, 3, "fast")
    assert [(digit.answer, digit.run) for digit in newer] == [(3, "fast")]


def several() -> None:
    from core.data import mnist
    from pages.widgets.shared.user_digits import remember

    sample = mnist.load("mnist-sample").test
    for place, index in enumerate((0, 1, 0)):
        remember(sample.images[index], key=str(place), answer=3)


def test_many_can_be_asked_about_on_one_page_the_same_picture_twice_too() -> None:
    view = AppTest.from_function(several, default_timeout=60).run()
    assert not view.exception
    places = [group for group in view.button_group if group.label == "What did you mean?"]
    assert len(places) == 3
    places[0].set_value(8).run()
    again = [group for group in view.button_group if group.label == "What did you mean?"]
    assert [group.value for group in again] == [8, None, 8]
    assert not any("labeled in this visit" in caption.value for caption in view.caption)


def test_counts_of_each_label() -> None:
    digits = add_digit(add_digit(add_digit((), ONE, 3), TWO, 3), SAMPLE.images[2], 0)
    assert label_counts(digits) == [(0, 1), (3, 2)]
    assert label_counts(digits, np.array([False, True, True])) == [(0, 1, 1), (3, 2, 1)]


def test_others_are_taken_in_and_theirs_is_the_last_word() -> None:
    mine = add_digit(add_digit((), ONE, 3), TWO, 5)
    others = add_digit(add_digit((), SAMPLE.images[2], 1), ONE, 8)
    together = add_digits(mine, others)
    assert [digit.label for digit in together] == [5, 1, 8]
    assert len(add_digits(labeled(MAX_DIGITS), others)) == MAX_DIGITS


def answers() -> None:
    import streamlit as st

    from core.data import mnist
    from core.evaluation.user_digits import add_digit
    from core.runs import registry
    from core.runs.run import Network
    from pages.widgets.shared.user_digits import my_predictions

    best = Network(registry.find_run("best"))
    sample = mnist.load("mnist-sample").test
    digits = st.session_state.setdefault("my-digits", add_digit((), sample.images[0], 4))
    first = my_predictions(best)
    same = first is my_predictions(best)
    st.session_state["my-digits"] = add_digit(digits, sample.images[1], 5)
    st.write(f"{same} {len(first)} {len(my_predictions(best))}")


def test_the_answers_are_the_same_object_until_a_digit_comes() -> None:
    view = AppTest.from_function(answers, default_timeout=60).run()
    assert not view.exception
    assert view.markdown[0].value == "True 1 2"
