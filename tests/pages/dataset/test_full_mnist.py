"""The dataset page on all 70,000 digits, where they are at hand."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.dataset.test_page import grid, opened
from tests.pages.train.test_page import said

pytestmark = pytest.mark.full_mnist


def test_the_tutorials_digits_are_a_click_away(app: AppTest) -> None:
    opened(app, view="Single digit", data="mnist", split="train")
    app.button(key="dataset-to-7777").click().run()
    assert app.number_input(key="index").value == 7777
    app.button(key="dataset-to-0").click().run()
    assert app.number_input(key="index").value == 0
    # The first digit of MNIST's training set is the 5 that every tutorial shows.
    assert "`sparse_categorical_crossentropy`: `5`" in said(app)


def test_the_neighbors_come_from_all_60_000(app: AppTest) -> None:
    opened(app, view="Single digit", data="mnist", index="0")
    # The first test digit is a 7, and plain enough for its neighbors to be sevens too.
    notes = [digit["note"] for digit in grid(app, "dataset-neighbors")["digits"]]
    assert notes == ["7"] * 10


@pytest.mark.parametrize(
    "view", ["Statistics", "Browse", "Convolution", "Embedding", "Label issues"]
)
def test_every_view_stands_on_the_full_mnist(app: AppTest, view: str) -> None:
    opened(app, view=view, data="mnist")
    assert not app.error
