"""The dataset page's list of label suspects: what a visitor reads, and where there is none."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.data import mnist
from core.evaluation.examples import find_label_issues
from tests.helpers.networks import SHIPPED
from tests.helpers.views import said


def page() -> None:
    import streamlit as st

    from core.utils.errors import DigitscopeError
    from pages.widgets.dataset.label_issues import label_issues_view

    try:
        label_issues_view(
            st.session_state.get("data", "mnist-sample"), st.session_state.get("split", "test")
        )
    except DigitscopeError as error:
        st.error(str(error))


@pytest.fixture
def view() -> AppTest:
    return AppTest.from_function(page, default_timeout=60)


def test_every_line_says_digit_label_and_what_the_runs_read(view: AppTest) -> None:
    view.run()
    (table,) = view.dataframe
    issues = find_label_issues("mnist-sample")
    assert table.value["Index"].tolist() == [issue.index for issue in issues]
    labels = mnist.load("mnist-sample").test.labels
    assert table.value["Label"].tolist() == [labels[k] for k in table.value["Index"]]
    first = issues[0]
    expected = (
        f"{first.agreeing} of {len(SHIPPED)} read {first.predicted} ({first.confident} confident)"
    )
    assert table.value["The runs"][0] == expected
    assert table.value["Digit"].str.startswith("data:image/png;base64,").all()


def test_they_are_called_suspects_and_the_method_is_named(view: AppTest) -> None:
    view.run()
    words = said(view)
    assert f"**{len(find_label_issues('mnist-sample'))} label issues**" in words
    assert "An issue is not always an error" in words
    assert "[confident learning](https://arxiv.org/abs/1911.00068)" in words


def test_on_the_sample_nobody_was_asked(view: AppTest) -> None:
    view.run()
    assert "People" not in view.dataframe[0].value
    assert "What people say of these labels is not known" in said(view)


def test_training_digits_have_no_suspects_and_a_way_to_those_of_the_test(view: AppTest) -> None:
    view.session_state["split"] = "train"
    view.run()
    assert not view.dataframe
    assert "Every shipped run has learned from these digits" in said(view)
    view.button(key="suspects-test").click().run()
    assert view.session_state["split"] == "test"
    assert len(view.dataframe) == 1


def test_without_shipped_runs_there_is_a_sentence(
    view: AppTest, run_folders: tuple[Path, Path]
) -> None:
    view.run()
    assert not view.exception
    assert "No shipped run has answers on these test digits" in view.error[0].value


@pytest.mark.full_mnist
def test_on_mnist_what_people_read_stands_beside_the_first_fifty(view: AppTest) -> None:
    view.session_state["data"] = "mnist"
    view.run()
    table = view.dataframe[0].value
    assert len(table) == min(50, len(find_label_issues("mnist")))
    people = dict(zip(table["Index"], table["People"], strict=True))
    assert people[947] == "most read 9"
    assert people[340] == "most confirm the label 5"
    assert people[1878] == "not asked"
    assert people[3520] == "no majority for 6 or any other"
    issues = sum("confirm" not in words and words != "not asked" for words in people.values())
    assert f"For 15 of them no majority confirmed the label; {issues} of these" in said(view)
