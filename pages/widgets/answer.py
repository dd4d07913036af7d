"""What a run answers on one digit: the digit, ten probabilities, and the picture it really saw."""

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core import figures, runs
from core.errors import RunError
from core.evaluation import UNSURE_BELOW
from core.palette import TEXT
from core.preprocessing import Digit
from pages.widgets.predictors import predictor
from pages.widgets.run_picker import NO_RUN
from pages.widgets.words import plain

STEP_WIDTH = 120
CHART_CONFIG = {"displayModeBar": False}


def show_answer(digit: Digit, run_id: str | None, epoch: int | None = None) -> None:
    """Let the run read the digit, and show answer, probabilities and the network's input.

    With an epoch, it is the network as it was after that epoch that reads, and the answer says so.
    """
    if run_id is None:
        st.error(NO_RUN)
        return
    try:
        run = runs.find(run_id)
        with st.spinner("The network is waking up: a few seconds, once …", show_time=True):
            network = predictor(run_id, epoch)
        probabilities = network.probabilities(digit.pixels[None])[0]
    except RunError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")
        return
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", wrap=False
    ):
        with st.container(width="stretch"):
            _headline(probabilities, run.info.recipe.label_smoothing)
            if epoch is not None:
                in_all = run.info.epochs_done or run.info.recipe.epochs
                st.caption(f"after epoch {epoch} of {in_all}: this is not the finished network")
        st.image(
            enlarged(digit.pixels, 4),
            caption="What it saw",
            width=112,
            alt="The digit as 28 by 28 grey pixels",
        )
    _chart([float(p) for p in probabilities])
    with st.expander("How your picture became 28 × 28 pixels"):
        _steps(digit)


def _steps(digit: Digit) -> None:
    st.caption("The network learnt from MNIST, so your picture is made the way MNIST was made.")
    for step in digit.steps:
        picture, words = st.columns([1, 2], vertical_alignment="center", wrap=False)
        # Small pictures as squares, so that one can count the pixels.
        factor = max(1, STEP_WIDTH // max(step.image.shape))
        picture.image(
            enlarged(step.image, factor),
            width=min(STEP_WIDTH, factor * step.image.shape[1]),
            alt=step.title,
        )
        words.markdown(f"**{step.title}.** {step.note}")


def show_nothing_yet() -> None:
    """What stands there before the first digit.

    The empty chart makes the browser load Plotly, two seconds' work, while the visitor still draws.
    """
    st.info("The answer appears here as soon as there is a digit.", icon=":material/draw:")
    _chart(None)


def _chart(probabilities: list[float] | None) -> None:
    st.plotly_chart(
        figures.probability_bars(probabilities, TEXT.get(st.context.theme.type or "")),
        config=CHART_CONFIG,
        key="probabilities",
        alt="The probability that the network gives each of the ten digits",
    )


def enlarged(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """The pixels as squares of `factor` screen pixels, not blurred by the browser."""
    return np.asarray(
        cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST), np.uint8
    )


def _headline(probabilities: NDArray[np.float32], smoothing: float) -> None:
    first, second = (int(k) for k in np.argsort(probabilities)[::-1][:2])
    sure = figures.percent(float(probabilities[first]))
    if probabilities[first] >= UNSURE_BELOW:
        st.metric("The network reads", str(first), help=_why_never_certain(smoothing))
        st.caption(f"with a probability of {sure}")
        return
    other = figures.percent(float(probabilities[second]))
    st.metric("The network is unsure", f"{first} or {second}?")
    st.caption(
        f"{sure} for {first}, {other} for {second}: written more clearly, it may know better."
    )


def _why_never_certain(smoothing: float) -> str | None:
    """A sentence for runs that were taught to keep a rest of doubt."""
    if not smoothing:
        return None
    highest = 1 - smoothing * 9 / 10
    return (
        f"This run was trained with label smoothing {smoothing:g}: its goal for a perfectly clear "
        f"digit was {100 * highest:.0f} %, not 100 %, which keeps a network from being too sure."
    )
