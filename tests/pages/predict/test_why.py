"""The view "why this answer" of the Predict page, as a visitor meets it."""

import time
from pathlib import Path

import numpy as np
import pytest
from cachetools import LRUCache
from sklearn.neighbors import KNeighborsClassifier
from streamlit.testing.v1 import AppTest

from core.data import mnist
from core.inference import other_runs
from core.inference.predictor import load_predictor
from core.utils import background
from tests.helpers.networks import SHIPPED, network_of
from tests.helpers.views import said

SAMPLE = mnist.load("mnist-sample").test


def _page() -> None:
    import numpy as np
    import streamlit as st

    from core.data import mnist
    from core.preprocessing.mnist_format import PreparedDigit
    from pages.widgets.predict.why import explanation_view
    from tests.helpers.networks import network_of

    index = st.session_state.get("digit", 17)
    blank = np.zeros((28, 28), np.uint8)
    image = blank if index is None else mnist.load("mnist-sample").test.images[index]
    digit = PreparedDigit(image, (), (0, 0, 28, 28))
    network = network_of(st.session_state.get("of", "fast"), st.session_state.get("at"))
    explanation_view(digit, network)


@pytest.fixture(autouse=True)
def fresh_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only shipped runs, none of which was opened."""
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path))
    monkeypatch.setattr(other_runs, "_networks", LRUCache(other_runs._NETWORKS_KEPT))
    monkeypatch.setattr(background, "_tasks", {})


def view(**state: object) -> AppTest:
    page = AppTest.from_function(_page, default_timeout=60)
    for name, value in state.items():
        page.session_state[name] = value
    return page.run()


def test_the_first_three_stand_in_a_sentence() -> None:
    answers = load_predictor(network_of("fast")).probabilities(SAMPLE.images[17:18])[0]
    first, second, third = np.argsort(-answers)[:3]
    words = view().markdown[0].value
    assert words.startswith(f"**fast** reads **{first}** with a probability of")
    assert f"next come **{second}** with" in words
    assert words.index(f"**{second}**") < words.index(f"**{third}**")


def test_a_map_is_laid_over_the_digit_for_the_digit_that_is_asked_for() -> None:
    page = view()
    assert page.selectbox(key="predict-why-for").value == 9
    assert len(page.get("image")) == 1
    assert "Zeiler and Fergus" in said(page)
    page.selectbox(key="predict-why-not").set_value(4).run()
    page.button_group(key="predict-why-method").set_value("grad-cam").run()
    assert "Selvaraju" in said(page)
    assert len(page.get("image")) == 1
    # The two may not be the same.
    page.selectbox(key="predict-why-for").set_value(4).run()
    assert page.selectbox(key="predict-why-not").value == -1
    page.session_state["digit"] = 3
    page.run()
    assert page.selectbox(key="predict-why-for").value == SAMPLE.labels[3]


def test_without_a_convolution_grad_cam_is_not_offered() -> None:
    page = view()
    method = page.button_group(key="predict-why-method")
    assert "Grad-CAM" in method.options
    method.set_value("grad-cam").run()
    page.session_state["of"] = "purawr"
    page.run()
    method = page.button_group(key="predict-why-method")
    assert method.options == ["Occlusion", "Integrated gradients"]
    assert method.value == "occlusion"
    assert len(page.get("image")) == 1


@pytest.mark.usefixtures("only_sample")
def test_neighbors_are_told_with_their_labels_and_in_which_space() -> None:
    page = view()
    words = said(page)
    assert "gray value by gray value" in words
    assert "not in any layer of the network" in words
    assert "those of mnist, from which the run learned, are not on this machine" in words
    train = mnist.load("mnist-sample").train
    by_others = KNeighborsClassifier(10, algorithm="brute")
    by_others.fit(train.images.reshape(len(train), -1), train.labels)
    shares = by_others.predict_proba(SAMPLE.images[17].reshape(1, -1))[0]
    assert f"**{10 * shares.max():.0f} of 10** are labeled **{shares.argmax()}**" in words


def test_the_other_runs_are_asked_once_somebody_wants_it() -> None:
    page = view()
    assert not page.table
    page.button(key="predict-why-others-start").click().run()
    end = time.monotonic() + 60
    while not page.table and time.monotonic() < end:
        time.sleep(0.5)
        page.run()
    rows = page.table[0].value
    assert not page.exception
    assert list(rows["run"]) == [name for name in SHIPPED if name != "fast"]
    assert f"of {len(SHIPPED) - 1}** read **9** too" in said(page)
    # From now on another digit is answered at once; one that they do not agree on stands out.
    page.session_state["digit"] = _disputed()
    page.run()
    answers = list(page.table[0].value["answer"])
    assert any(", not " in answer for answer in answers)
    assert any(", not " not in answer for answer in answers)


def _disputed() -> int:
    """A digit that fast and purawr read differently, and fast and best alike."""
    fast, best, other = (
        load_predictor(network_of(name)).probabilities(SAMPLE.images[:400]).argmax(axis=1)
        for name in ("fast", "best", "purawr")
    )
    return int(np.flatnonzero((fast != other) & (fast == best))[0])


def test_the_epochs_are_told_in_a_sentence() -> None:
    assert "It read **9** from epoch 1 on, without a change." in said(view())
    early, late = (
        load_predictor(network_of("purawr", epoch)).probabilities(SAMPLE.images).argmax(axis=1)
        for epoch in (1, None)
    )
    index = int(np.flatnonzero(early != late)[0])
    words = said(view(of="purawr", digit=index))
    assert f"It read **{early[index]}** from epoch 1 on, then" in words
    assert f"**{late[index]}** from" in words


def test_an_epoch_is_named_with_the_run() -> None:
    assert view(at=1).markdown[0].value.startswith(r"**fast \(epoch 1\)** reads")


def test_a_part_that_fails_leaves_the_others() -> None:
    page = view(digit=None)
    assert not page.exception
    assert "This digit is blank" in said(page)
    assert "are labeled" in said(page)
    assert "It read" in said(page)
    unkept = view(at=99)
    assert not unkept.exception
    assert any("The weights of epoch 99" in element.value for element in unkept.info)
    assert "It read" in said(unkept)
