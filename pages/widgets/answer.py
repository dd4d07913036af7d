"""What a run answers on one digit: the digit, ten probabilities, and the picture it really saw."""

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core import figures
from core.errors import RunError
from core.evaluation import UNSURE_BELOW
from core.preprocessing import Digit
from pages.widgets.predictors import predictor

CHART_CONFIG = {"displayModeBar": False}


def show_answer(digit: Digit, run_id: str | None) -> None:
    """Let the run read the digit, and show answer, probabilities and the network's input."""
    if run_id is None:
        return  # the sidebar says that there is no run
    try:
        with st.spinner("The network is waking up: a few seconds, once …", show_time=True):
            network = predictor(run_id)
    except RunError as error:
        st.error(str(error), icon=":material/broken_image:")
        return
    probabilities = network.probabilities(digit.pixels[None])[0]
    words, seen = st.columns([3, 2], vertical_alignment="center", wrap=False)
    with words:
        _headline(probabilities)
    seen.image(
        enlarged(digit.pixels, 5),
        caption="What the network saw",
        width=140,
        alt="The digit as 28 by 28 grey pixels",
    )
    st.plotly_chart(
        figures.probability_bars([float(p) for p in probabilities]),
        config=CHART_CONFIG,
        key="probabilities",
        alt="The probability that the network gives each of the ten digits",
    )
    with st.expander("How your picture became 28 × 28 pixels"):
        _steps(digit)


def _steps(digit: Digit) -> None:
    st.caption("The network learnt from MNIST, so your picture is made the way MNIST was made.")
    for step in digit.steps:
        picture, words = st.columns([1, 2], vertical_alignment="center", wrap=False)
        picture.image(step.image, width=120, alt=step.title)
        words.markdown(f"**{step.title}.** {step.note}")


def enlarged(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """The pixels as squares of `factor` screen pixels, not blurred by the browser."""
    return np.asarray(
        cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST), np.uint8
    )


def _headline(probabilities: NDArray[np.float32]) -> None:
    first, second = (int(k) for k in np.argsort(probabilities)[::-1][:2])
    sure = figures.percent(float(probabilities[first]))
    if probabilities[first] >= UNSURE_BELOW:
        st.metric("The network reads", str(first))
        st.caption(f"and gives it {sure}")
        return
    other = figures.percent(float(probabilities[second]))
    st.metric("The network is unsure", f"{first} or {second}?")
    st.caption(f"{sure} for {first}, {other} for {second}: drawn more clearly, it may know better.")
